"""Helpers about modules and their parameters, under the names of `torch.nn.utils`."""

import importlib as _importlib
from typing import Any

from betty.nn.utils import clip_grad, convert_parameters
from betty.nn.utils.clip_grad import *
from betty.nn.utils.convert_parameters import *

# Imported when first asked for: they need modules, which need this package.
_LATER = {
    "fusion": None, "init": None, "parametrizations": None, "parametrize": None, "prune": None,
    "rnn": None, "stateless": None, "remove_spectral_norm": "norms", "remove_weight_norm": "norms",
    "spectral_norm": "norms", "weight_norm": "norms", "skip_init": "init",
    "fuse_conv_bn_eval": "fusion", "fuse_conv_bn_weights": "fusion",
    "fuse_linear_bn_eval": "fusion",
}  # fmt: skip

__all__ = clip_grad.__all__ + convert_parameters.__all__ + list(_LATER)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'betty.nn.utils' has no attribute '{name}'")
    place = _LATER[name]
    module = _importlib.import_module(f"betty.nn.utils.{place or name}")
    return module if place is None else getattr(module, name)
