"""Activations. Those with ``inplace`` may write over their input."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from betty import _functions as ops
from betty._creation import rand
from betty._functions import glu, hardshrink, logsigmoid, prelu, softshrink, softsign, tanhshrink
from betty._native import Tensor
from betty._types import compute_type

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu_",
    "relu6",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def finish(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    """The result, put in the place of the input if asked for."""
    return input.copy_(result) if inplace else result


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


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x / alpha) - 1)."""
    return finish(input, ops.celu(input, alpha=alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Self-normalizing ELU (Klambauer et al., NeurIPS 2017)."""
    return finish(input, ops.selu(input), inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x)."""
    return finish(input, ops.silu(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra, BMVC 2020)."""
    return finish(input, ops.mish(input), inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x), or its tanh approximation with ``approximate="tanh"``."""
    return ops.gelu(input, approximate=approximate)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x clamped to [min_val, max_val]."""
    return finish(input, ops.hardtanh(input, min_val=min_val, max_val=max_val), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x relu6(x + 3) / 6."""
    return finish(input, ops.hardswish(input), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return finish(input, ops.hardsigmoid(input), inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > ``threshold``, else ``value``."""
    return finish(input, ops.threshold(input, threshold=threshold, value=value), inplace)


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


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """x where x >= 0, else a x with a uniform in [lower, upper], or its middle outside training."""
    if lower > upper:
        raise RuntimeError(f"rrelu: lower must not exceed upper, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slope = rand(tuple(input.shape), dtype=input.dtype) * (upper - lower) + lower
    return finish(input, ops.where(input >= 0, input, input * slope), inplace)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Softmax of (logits + Gumbel noise) / tau (Jang et al., ICLR 2017).

    With ``hard`` the largest becomes 1 and the others 0, with the gradient of the soft ones.
    """
    # 1 - u is never 0; the bound keeps the second logarithm finite.
    uniform = 1 - rand(tuple(logits.shape), dtype=compute_type(logits.dtype))
    noise = (-(-uniform.log()).clamp(min=1e-30).log()).to(logits.dtype)
    soft = ops.softmax((logits + noise) / tau, dim=dim)
    if not hard:
        return soft
    index = soft.argmax(dim, keepdim=True)
    one = ops.zeros_like(soft).scatter(dim, index, 1.0)
    return one - soft.detach() + soft


def _implicit_dim(name: str, dim: int | None, input: Tensor) -> int:
    if dim is not None:
        return dim
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}: input must be a Tensor, got {type(input).__name__}")
    warnings.warn(f"{name}: implicit choice of dim is deprecated, pass dim=", stacklevel=3)
    return 0 if input.dim() in (0, 1, 3) else 1


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def change(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **kwargs, inplace=True)

    change.__name__ = f"{function.__name__}_"
    change.__doc__ = f"{function.__name__}, written over its input."
    return change


relu_, elu_, leaky_relu_, selu_ = map(_in_place, (relu, elu, leaky_relu, selu))
celu_, hardtanh_, threshold_, rrelu_ = map(_in_place, (celu, hardtanh, threshold, rrelu))
