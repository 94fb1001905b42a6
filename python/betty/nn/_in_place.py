"""Activations that may write over their input, under PyTorch's names."""

from __future__ import annotations

from betty import _functions as ops
from betty._native import Tensor

__all__ = ["celu", "hardsigmoid", "hardswish", "mish", "selu", "threshold"]


def finish(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    """The result, put in the place of the input if asked for."""
    return input.copy_(result) if inplace else result


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (exp(x / alpha) - 1)."""
    return finish(input, ops.celu(input, alpha=alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Self-normalizing ELU (Klambauer et al., NeurIPS 2017)."""
    return finish(input, ops.selu(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra, BMVC 2020)."""
    return finish(input, ops.mish(input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x relu6(x + 3) / 6."""
    return finish(input, ops.hardswish(input), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6."""
    return finish(input, ops.hardsigmoid(input), inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > ``threshold``, else ``value``."""
    return finish(input, ops.threshold(input, threshold=threshold, value=value), inplace)
