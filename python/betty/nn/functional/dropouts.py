"""Dropout (Srivastava et al., JMLR 2014) of elements and of whole channels."""

from __future__ import annotations

from betty import _functions as ops
from betty._creation import ones
from betty._native import Tensor
from betty._warnings import warn
from betty.nn.functional.activations import finish

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes elements with probability ``p`` and scales the rest by 1 / (1 - p)."""
    check_probability(p)
    if not training or p == 0.0:
        return input
    return finish(input, ops.dropout(input, p=p), inplace)


def check_probability(p: float) -> None:
    """Refuses what is no probability."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input: Tensor, p: float, channels: bool) -> Tensor:
    """1 / (1 - p) where an element (or its whole channel) stays, else 0."""
    shape = tuple(input.shape)
    if channels:
        shape = shape[:2] + (1,) * (len(shape) - 2)
    return ops.dropout(ones(shape, dtype=input.dtype), p=p)


def _dropout_channels(
    name: str, input: Tensor, p: float, training: bool, inplace: bool, axes: int
) -> Tensor:
    check_probability(p)
    if input.dim() not in (axes + 1, axes + 2):
        message = f"{name}: expects {axes + 1} or {axes + 2} dimensions, got {input.dim()}"
        if name == "dropout1d" or input.dim() < 2:
            raise RuntimeError(message)
        warn(message)
    if name == "dropout2d" and input.dim() == 3:
        warn(
            "dropout2d: Received a 3D input and assuming that channel-wise 1D dropout behavior is "
            "desired - input is interpreted as shape (N, C, L), where C is the channel dim."
        )
    if not training or p == 0.0:
        return input
    # Without a batch every entry of the first axis is a channel; PyTorch alone takes [N, C, L]
    # for two axes as a batch.
    single = input.dim() == axes + 1 and name != "dropout2d"
    batched = input.unsqueeze(0) if single else input
    result = batched * _kept(batched, p, True)
    return finish(input, result.squeeze(0) if single else result, inplace)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zeroes whole channels of [N, C, L] or [C, L] with probability ``p``."""
    return _dropout_channels("dropout1d", input, p, training, inplace, 1)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zeroes whole channels of [N, C, H, W] with probability ``p``."""
    return _dropout_channels("dropout2d", input, p, training, inplace, 2)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W] with probability ``p``."""
    return _dropout_channels("dropout3d", input, p, training, inplace, 3)


# Where selu saturates.
_LOWEST = -1.7580993408473766


def _alpha(input: Tensor, p: float, training: bool, inplace: bool, channels: bool) -> Tensor:
    check_probability(p)
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return finish(input, input * 0.0, inplace)
    scale = ((1 - p) * (1 + p * _LOWEST**2)) ** -0.5
    kept = _kept(input, p, channels) * (1 - p)
    result = (input * kept + _LOWEST * (1 - kept)) * scale - scale * _LOWEST * p
    return finish(input, result, inplace)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout to the value where selu saturates; keeps mean and variance (Klambauer et al.)."""
    return _alpha(input, p, training, inplace, False)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Alpha dropout of whole channels of [N, C, ...]."""
    return _alpha(input, p, training, inplace, True)
