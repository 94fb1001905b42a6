"""Operations of networks as functions, under PyTorch's names."""

from __future__ import annotations

import warnings

from betty import _functions as ops
from betty._functions import (
    cosine_similarity,
    embedding,
    glu,
    hardshrink,
    hinge_embedding_loss,
    logsigmoid,
    prelu,
    soft_margin_loss,
    softshrink,
    softsign,
    tanhshrink,
)
from betty._native import Tensor
from betty.nn._in_place import celu, finish, hardsigmoid, hardswish, mish, selu, threshold

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``; input [..., in], weight [out, in], bias [out]."""
    return ops.linear(input, weight, bias)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return input.relu_() if inplace else ops.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return finish(input, ops.relu6(input), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else ``negative_slope`` x."""
    return finish(input, ops.leaky_relu(input, negative_slope=negative_slope), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x) - 1)."""
    return finish(input, ops.elu(input, alpha=alpha), inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x clamped to [min_val, max_val]."""
    return finish(input, ops.hardtanh(input, min_val=min_val, max_val=max_val), inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x)."""
    return finish(input, ops.silu(input), inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x), or its tanh approximation with ``approximate="tanh"``."""
    return ops.gelu(input, approximate=approximate)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x exceeds the threshold."""
    return ops.softplus(input, beta=beta, threshold=threshold)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return ops.tanh(input)


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: object = None
) -> Tensor:
    """exp(x) over its sum along ``dim``."""
    input = input if dtype is None else input.to(dtype)
    return ops.softmax(input, dim=_implicit_dim("softmax", dim, input))


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: object = None
) -> Tensor:
    """The logarithm of softmax."""
    input = input if dtype is None else input.to(dtype)
    return ops.log_softmax(input, dim=_implicit_dim("log_softmax", dim, input))


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: object = None
) -> Tensor:
    """Softmax of -x along ``dim``."""
    input = input if dtype is None else input.to(dtype)
    return ops.softmin(input, dim=_implicit_dim("softmin", dim, input))


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
    input: Tensor, pad: list[int] | tuple[int, ...], mode: str = "constant", value: float = 0.0
) -> Tensor:
    """Pads the last axes by (left, right, top, bottom, …) with a constant."""
    if mode != "constant":
        raise ValueError(f"pad: mode must be 'constant', got {mode!r}")
    return ops.pad(input, pad=tuple(pad), value=0.0 if value is None else float(value))


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(x - y)²; reduction "mean", "sum" or "none"."""
    _warn_broadcast("mse_loss", input, target)
    return ops.mse_loss(input, target, reduction=_reduction(size_average, reduce, reduction))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """|x - y|; reduction "mean", "sum" or "none"."""
    _warn_broadcast("l1_loss", input, target)
    return ops.l1_loss(input, target, reduction=_reduction(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared below ``beta``, linear above."""
    _warn_broadcast("smooth_l1_loss", input, target)
    reduction = _reduction(size_average, reduce, reduction)
    return ops.smooth_l1_loss(input, target, reduction=reduction, beta=beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """Squared below ``delta``, linear above, without the division by delta."""
    _warn_broadcast("huber_loss", input, target)
    return ops.huber_loss(input, target, reduction=reduction, delta=delta)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax cross-entropy of logits [N, C] and class indices [N] (or probabilities [N, C])."""
    options = {"reduction": _reduction(size_average, reduce, reduction)}
    if ignore_index != -100:
        options["ignore_index"] = ignore_index
    if label_smoothing:
        options["label_smoothing"] = label_smoothing
    return ops.cross_entropy(input, target, weight, **options)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative of the log-probability [N, C] at each class index [N]."""
    options = {"reduction": _reduction(size_average, reduce, reduction)}
    if ignore_index != -100:
        options["ignore_index"] = ignore_index
    return ops.nll_loss(input, target, weight, **options)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(y log x + (1 - y) log(1 - x)) of probabilities; logarithms are at least -100."""
    reduction = _reduction(size_average, reduce, reduction)
    return ops.binary_cross_entropy(input, target, weight, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of logits, stable for large ones."""
    reduction = _reduction(size_average, reduce, reduction)
    return ops.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight, reduction=reduction
    )


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input), where input holds log-probabilities."""
    if reduction == "batchmean":
        total = ops.kl_div(input, target, reduction="sum", log_target=log_target)
        return total / input.shape[0]
    reduction = _reduction(size_average, reduce, reduction)
    return ops.kl_div(input, target, reduction=reduction, log_target=log_target)


def _implicit_dim(name: str, dim: int | None, input: Tensor) -> int:
    if dim is not None:
        return dim
    warnings.warn(f"{name}: implicit choice of dim is deprecated, pass dim=", stacklevel=3)
    return 0 if input.dim() in (0, 1, 3) else 1


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """PyTorch's two old flags, where given, in the words of the new one."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def _warn_broadcast(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: target size {tuple(target.shape)} is different from input size "
            f"{tuple(input.shape)}; they are broadcast, which is rarely meant",
            stacklevel=3,
        )
