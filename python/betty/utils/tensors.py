"""Small helpers on lists of tensors, under the names that multilevel programs know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from betty import _types
from betty._creation import zeros_like
from betty._functions import cat
from betty._native import Tensor

__all__ = [
    "convert_tensor",
    "count_parameters",
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


def convert_tensor(item: Any, device: Any = None) -> Any:
    """A tensor on a device; anything else as it is."""
    return item.to(device) if isinstance(item, Tensor) and device is not None else item


def get_dtype(precision: str) -> Any:
    """The element type of ``Config.precision``."""
    return {"fp16": _types.float16, "bf16": _types.bfloat16}.get(precision, _types.float32)


def get_grad_norm(parameters: Tensor | Iterable[Tensor]) -> float:
    """Sum of the squares of all gradients; -1 where it is not finite."""
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return _squares([param.grad for param in given if param.grad is not None])


def get_weight_norm(parameters: Tensor | Iterable[Tensor]) -> float:
    """Sum of the squares of all parameters; -1 where it is not finite."""
    return _squares([parameters] if isinstance(parameters, Tensor) else list(parameters))


def _squares(tensors: list[Tensor]) -> float:
    total = sum((each.detach().float().square().sum().item() for each in tensors), 0.0)
    return total if abs(total) != float("inf") and total == total else -1


def flatten_list(regular_list: Sequence[Sequence[Any]]) -> list[Any]:
    """The elements of lists in a list, in one list."""
    return [item for part in regular_list for item in part]


def get_param_index(param: Tensor, param_list: Iterable[Tensor]) -> int | None:
    """Where a parameter is in a list; None if it is not there."""
    return next((index for index, each in enumerate(param_list) if each is param), None)


def log_from_loss_dict(loss_dict: dict[str, Any]) -> str:
    """Figures by name in one line; of a list or dict each value with its position.

    Example:
        >>> import betty
        >>> betty.utils.log_from_loss_dict({"loss": betty.tensor(0.5), "acc": [1, 2]})
        'loss: 0.5 || acc_0: 1 || acc_1: 2'
    """
    parts = []
    for key, values in loss_dict.items():
        if isinstance(values, (dict, list)):
            parts += [(f"{key}_{place}", value) for place, value in enumerate(values)]
        else:
            parts.append((key, values))
    return " || ".join(
        f"{key}: {value.item() if isinstance(value, Tensor) else value}" for key, value in parts
    )


def to_vec(tensor_list: Iterable[Tensor], alpha: float = 1.0) -> Tensor:
    """All elements in one vector, times ``alpha``."""
    return cat([alpha * each.reshape(-1) for each in tensor_list])


def count_parameters(tensor_list: Iterable[Tensor]) -> int:
    """Number of elements."""
    return sum(each.numel() for each in tensor_list)


def neg_with_none(a: Tensor | None) -> Tensor | None:
    """-a, and None for None."""
    return None if a is None else -a


def replace_none_with_zero(
    tensor_list: Iterable[Tensor | None], reference: Iterable[Tensor]
) -> tuple[Tensor, ...]:
    """The tensors, with zeros shaped as their reference in the place of None."""
    pairs = zip(tensor_list, reference, strict=True)
    return tuple(zeros_like(like) if each is None else each for each, like in pairs)
