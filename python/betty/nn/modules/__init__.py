"""Where PyTorch keeps the classes of `nn`: the same modules under these names."""

import importlib as _importlib
import sys as _sys

from betty import nn as _nn
from betty.nn import *

utils = _importlib.import_module("betty.nn.modules.utils")  # not nn.utils

# PyTorch's name of each module of classes, and ours where it is another.
_NAMES = {
    "activation": "", "batchnorm": "", "container": "", "conv": "", "dropout": "", "linear": "",
    "loss": "", "module": "", "padding": "", "pooling": "", "transformer": "",
    "normalization": "layer_norm", "rnn": "recurrent", "sparse": "embedding",
    "upsampling": "vision",
}  # fmt: skip
for _name, _own in _NAMES.items():
    globals()[_name] = _sys.modules[f"betty.nn.modules.{_name}"] = getattr(_nn, _own or _name)
del _name, _own
