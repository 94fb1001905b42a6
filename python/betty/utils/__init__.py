"""Utilities: data loading, and small helpers on lists of tensors."""

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
