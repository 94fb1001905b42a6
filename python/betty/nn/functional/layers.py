"""What layers compute."""

from __future__ import annotations

from betty import _functions as ops
from betty._native import Tensor
from betty.nn.functional import tables

__all__ = [
    "embedding",
    "layer_norm",
    "rms_norm",
    "linear",
    "normalize",
    "one_hot",
    "pad",
]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``; input [..., in], weight [out, in], bias [out]."""
    return ops.linear(input, weight, bias)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of ``weight`` [rows, width] by index; the row ``padding_idx`` gets no gradient.

    Args:
        input: Indices of any shape.
        weight: The table.
        padding_idx: The row without a gradient.
        max_norm: Rows that are named and longer are scaled down to it, in the table.
        norm_type: The norm that ``max_norm`` means.
        scale_grad_by_freq: Divides a row's gradient by how often it is named.
        sparse: Accepted for migration; gradients are dense.

    Example:
        >>> import betty
        >>> import betty.nn.functional as F
        >>> table = betty.tensor([[3.0, 4.0], [0.1, 0.2]])
        >>> F.embedding(betty.tensor([0, 1]), table, max_norm=1.0)
        tensor([[0.6000, 0.8000],
                [0.1000, 0.2000]])
    """
    if max_norm is not None:
        tables.shorten_rows(weight, input, max_norm, norm_type)
    if padding_idx is None:
        found = ops.embedding(input, weight)
    elif not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise AssertionError(
            f"Padding_idx must be within num_embeddings, got {padding_idx} and {weight.shape[0]}"
        )
    else:
        found = ops.embedding(input, weight, padding_idx=padding_idx)
    return tables.frequency_scaled(found, input, weight.shape[0]) if scale_grad_by_freq else found


def rms_norm(
    input: Tensor,
    normalized_shape: list[int] | tuple[int, ...],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """x / sqrt(mean(x²) + eps) over the last axes, times weight; eps is that of the type."""
    options = {} if eps is None else {"eps": float(eps)}
    shape = tuple(normalized_shape)
    return ops.rms_norm(input, weight=weight, normalized_shape=shape, **options)


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
