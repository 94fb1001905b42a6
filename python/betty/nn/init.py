"""Initial values of parameters, in place, under PyTorch's names."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from betty import _creation
from betty import _functions as F
from betty._checks import check_deviation
from betty._creation import rand, randn, zeros
from betty._functions import where
from betty._native import Tensor
from betty._warnings import warn

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def _assign(tensor: Tensor, value: Tensor) -> Tensor:
    tensor.data.copy_(value)
    return tensor


def _draw(name: Callable[..., Tensor], tensor: Tensor, generator: Any = None) -> Tensor:
    return name(tuple(tensor.shape), dtype=tensor.dtype, generator=generator)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform on [a, b)."""
    if a > b:
        raise RuntimeError(f"uniform_: from {a} to {b} there is nothing to draw from")
    return _assign(tensor, _draw(rand, tensor, generator) * (b - a) + a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with a mean and a standard deviation."""
    check_deviation("normal_", std)
    return _assign(tensor, _draw(randn, tensor, generator) * std + mean)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Normal, drawn again outside [a, b] until everything is inside."""
    if a > b:
        raise RuntimeError(f"trunc_normal_: from {a} to {b} there is nothing to draw from")
    if mean < a - 2 * std or mean > b + 2 * std:
        warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect."
        )
    value = _draw(randn, tensor, generator) * std + mean
    for _ in range(64):
        outside = (value < a).logical_or(value > b)
        if not bool(outside.any()):
            break
        again = _draw(randn, tensor, generator) * std + mean
        value = where(outside, again, value)
    return _assign(tensor, value.clamp(a, b))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere."""
    tensor.data.fill_(val)
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    if tensor.dim() != 2:
        raise ValueError(f"eye_: a matrix is needed, got shape {tuple(tensor.shape)}")
    return _assign(tensor, _creation.eye(tensor.shape[0], tensor.shape[1]))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights grow for a nonlinearity."""
    gains = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4, "sigmoid": 1.0}
    if nonlinearity in gains:
        return gains[nonlinearity]
    if nonlinearity.startswith(("linear", "conv")):
        return 1.0
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    raise ValueError(f"unsupported nonlinearity {nonlinearity}")


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueError(
            f"fan in and fan out need at least 2 dimensions, got shape {tuple(tensor.shape)}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    kind = mode.lower()
    if kind not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return _calculate_fan_in_and_fan_out(tensor)[kind == "fan_out"]


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def _is_empty(tensor: Tensor) -> bool:
    """Whether there is nothing to draw, with a warning."""
    if tensor.numel():
        return False
    warn("Initializing zero-element tensors is a no-op")
    return True


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Uniform with variance gain² / fan (He et al., ICCV 2015)."""
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Normal with variance gain² / fan (He et al., ICCV 2015)."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform with variance 2 gain² / (fan in + fan out) (Glorot and Bengio, AISTATS 2010)."""
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with variance 2 gain² / (fan in + fan out) (Glorot and Bengio, AISTATS 2010)."""
    return normal_(
        tensor, 0.0, gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor))), generator
    )


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The identity as a convolution: as many channels as possible are kept, in each group."""
    if tensor.dim() not in (3, 4, 5):
        raise ValueError(f"dirac_: 3, 4 or 5 dimensions are needed, got {tensor.dim()}")
    if groups < 1 or tensor.shape[0] % groups:
        raise ValueError(f"dirac_: {tensor.shape[0]} channels do not divide by {groups} groups")
    rows = tensor.shape[0] // groups
    value = zeros(tensor.shape, dtype=tensor.dtype)
    middle = tuple(size // 2 for size in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(rows, tensor.shape[1])):
            value[(group * rows + channel, channel, *middle)] = 1
    return _assign(tensor, value)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Orthonormal rows or columns of the tensor as a matrix (Saxe et al., ICLR 2014)."""
    if tensor.dim() < 2:
        raise ValueError(f"orthogonal_: 2 dimensions at least, got {tensor.dim()}")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    drawn = randn(max(rows, columns), min(rows, columns), generator=generator).double()
    q, r = F.linalg_qr(drawn)
    # With the signs of R's diagonal the matrices are uniformly distributed (Mezzadri 2007).
    q = q * F.sign(F.diagonal(r))
    value = (q if rows >= columns else F.t(q)) * gain
    return _assign(tensor, value.reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal, with a fraction of each column zero (Martens, ICML 2010)."""
    if tensor.dim() != 2:
        raise ValueError(f"sparse_: a matrix is needed, got shape {tuple(tensor.shape)}")
    rows = tensor.shape[0]
    zeroed = math.ceil(sparsity * rows)
    ranks = F.argsort(F.argsort(_draw(rand, tensor, generator), 0), 0)
    value = _draw(randn, tensor, generator) * std
    return _assign(tensor, where(ranks < zeroed, 0.0, value))


# What PyTorch calls them inside; initializers of other libraries do so too.
_no_grad_uniform_, _no_grad_normal_, _no_grad_trunc_normal_ = uniform_, normal_, trunc_normal_
_no_grad_fill_, _no_grad_zero_ = constant_, zeros_

# Those that had names without the underline once.
_ONCE = {
    "constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal",
    "sparse", "uniform", "xavier_normal", "xavier_uniform",
}  # fmt: skip


def __getattr__(name: str) -> Callable[..., Tensor]:
    if name not in _ONCE:
        raise AttributeError(f"module 'betty.nn.init' has no attribute '{name}'")
    warnings.warn(f"nn.init.{name} is now nn.init.{name}_", FutureWarning, stacklevel=2)
    return globals()[f"{name}_"]
