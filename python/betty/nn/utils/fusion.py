"""Normalizations by fixed statistics taken into the layer before them."""

from __future__ import annotations

import copy
from typing import Any

from betty import _functions as F
from betty._creation import ones_like, zeros_like
from betty._native import Tensor
from betty.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval"]


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution followed by a batch norm of given statistics."""
    scale = (ones_like(bn_rm) if bn_w is None else bn_w) * F.rsqrt(bn_rv + bn_eps)
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    bias = (zeros_like(bn_rm) if conv_b is None else conv_b) - bn_rm
    bias = bias * scale + (0.0 if bn_b is None else bn_b)
    weight = (conv_w * scale.reshape(shape)).detach()
    return (
        Parameter(weight, requires_grad=conv_w.requires_grad),
        Parameter(bias.detach(), requires_grad=conv_w.requires_grad),
    )


def _fused(layer: Any, bn: Any, transpose: bool) -> Any:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    made = copy.deepcopy(layer)
    made.weight, made.bias = fuse_conv_bn_weights(
        layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return made


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """One convolution that does what a convolution and a batch norm do in evaluation.

    Raises:
        AssertionError: One of them is in training mode.

    Example:
        >>> from betty import nn
        >>> pair = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval()
        >>> nn.utils.fusion.fuse_conv_bn_eval(*pair)
        Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
    """
    return _fused(conv, bn, transpose)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """One linear layer that does what a linear layer and a batch norm do in evaluation."""
    return _fused(linear, bn, False)
