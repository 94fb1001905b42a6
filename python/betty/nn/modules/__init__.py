"""Where PyTorch keeps the classes of `nn`: the same modules under these names."""

import importlib as _importlib
import sys as _sys
import types as _types

from betty import nn as _nn
from betty.nn import *
from betty.nn._loading import _IncompatibleKeys

utils = _importlib.import_module("betty.nn.modules.utils")  # not nn.utils

# PyTorch's name of each module of classes, and ours where it is another.
_NAMES = {
    "activation": "", "batchnorm": "", "channelshuffle": "vision", "container": "", "conv": "",
    "distance": "margin", "dropout": "", "flatten": "linear", "fold": "vision",
    "instancenorm": "batchnorm", "lazy": "", "linear": "", "loss": "", "module": "",
    "normalization": "layer_norm", "padding": "", "pixelshuffle": "vision", "pooling": "",
    "rnn": "recurrent", "sparse": "embedding", "transformer": "", "upsampling": "vision",
}  # fmt: skip


def _stand_in(name: str, own: _types.ModuleType) -> _types.ModuleType:
    """A module with what is in ours and all public classes, wherever they are here."""
    made = _types.ModuleType(f"{__name__}.{name}", own.__doc__)
    vars(made).update({each: getattr(_nn, each) for each in _nn.__all__})
    vars(made).update({k: v for k, v in vars(own).items() if not k.startswith("__")})
    return made


for _name, _own in _NAMES.items():
    _made = _stand_in(_name, getattr(_nn, _own or _name))
    globals()[_name] = _sys.modules[f"{__name__}.{_name}"] = _made
_sys.modules[f"{__name__}.module"]._IncompatibleKeys = _IncompatibleKeys
del _name, _own, _made
