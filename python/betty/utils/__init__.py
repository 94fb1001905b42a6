"""Utilities: data loading, and small helpers on lists of tensors."""

import importlib as _importlib
from typing import Any as _Any

from betty.utils import data, dlpack
from betty.utils.tensors import (
    convert_tensor,
    count_parameters,
    flatten_list,
    get_dtype,
    get_grad_norm,
    get_param_index,
    get_weight_norm,
    log_from_loss_dict,
    neg_with_none,
    replace_none_with_zero,
    to_vec,
)

# Imported when first asked for: `import betty.utils` stays quick.
_LATER = ("_pytree", "benchmark", "checkpoint", "hooks", "model_zoo", "tensorboard")


def __getattr__(name: str) -> _Any:
    if name in _LATER:
        return _importlib.import_module(f"betty.utils.{name}")
    raise AttributeError(f"module 'betty.utils' has no attribute '{name}'")


__all__ = [
    "convert_tensor",
    "count_parameters",
    "data",
    "dlpack",
    "flatten_list",
    "get_dtype",
    "get_grad_norm",
    "get_param_index",
    "get_weight_norm",
    "log_from_loss_dict",
    "neg_with_none",
    "replace_none_with_zero",
    "to_vec",
]
