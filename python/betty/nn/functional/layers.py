"""What layers compute."""

from __future__ import annotations

from betty import _functions as ops
from betty._functions import embedding
from betty._native import Tensor
from betty.nn.functional.activations import finish

__all__ = [
    "dropout",
    "embedding",
    "layer_norm",
    "linear",
    "normalize",
    "one_hot",
    "pad",
]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``; input [..., in], weight [out, in], bias [out]."""
    return ops.linear(input, weight, bias)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes elements with probability ``p`` and scales the rest by 1 / (1 - p)."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout: probability has to be between 0 and 1, got {p}")
    if not training or p == 0.0:
        return input
    return finish(input, ops.dropout(input, p=p), inplace)


def layer_norm(
    input: Tensor,
    normalized_shape: list[int] | tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) over the last axes, times weight plus bias."""
    shape = tuple(normalized_shape)
    return ops.layer_norm(input, weight, bias=bias, normalized_shape=shape, eps=eps)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x over its p-norm along ``dim``, which is at least ``eps``."""
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Int64 rows with a one at each label; -1 takes the largest label plus one."""
    if num_classes == -1:
        num_classes = int(tensor.max().item()) + 1
    return ops.one_hot(tensor, num_classes=num_classes)


def pad(
    input: Tensor,
    pad: list[int] | tuple[int, ...],
    mode: str = "constant",
    value: float | None = None,
) -> Tensor:
    """Pads the last axes by (left, right, top, bottom, …).

    Args:
        input: Any tensor; modes other than "constant" pad up to all but the first two axes.
        pad: Pairs from the last axis backwards; negative numbers cut.
        mode: "constant", "reflect", "replicate" or "circular".
        value: The constant, 0 by default.

    Raises:
        RuntimeError: More pairs than axes, or more padding than the mode can take.
        NotImplementedError: An unknown mode.

    Example:
        >>> import betty
        >>> betty.nn.functional.pad(betty.tensor([[[1.0, 2.0, 3.0]]]), (2, 1), "reflect")
        tensor([[[3., 2., 1., 2., 3., 2.]]])
    """
    return ops.pad(input, pad=tuple(pad), mode=mode, value=0.0 if value is None else float(value))
