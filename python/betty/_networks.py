"""Functions of networks as PyTorch's main module has them: in another order than nn.functional, and
with the parameters of other backends, which change nothing here."""

from __future__ import annotations

from typing import Any

from betty._native import Tensor


def _functional() -> Any:
    from betty.nn import functional  # imported when first called: `import betty` stays quick

    return functional


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Zeroes elements with probability p, in training."""
    return _functional().dropout(input, p, train)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout that keeps mean and variance, in training."""
    return _functional().alpha_dropout(input, p, train)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Alpha dropout of whole channels, in training."""
    return _functional().feature_alpha_dropout(input, p, train)


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Each channel made standard, times weight plus bias: weight and bias come first."""
    function = _functional().batch_norm
    return function(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """Each channel of each sample made standard: weight and bias come first."""
    function = _functional().instance_norm
    return function(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """The last axes made standard, times weight plus bias."""
    return _functional().layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Groups of channels of each sample made standard, times weight plus bias."""
    return _functional().group_norm(input, num_groups, weight, bias, eps)


def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of weight by index: the table comes first, and -1 is no row."""
    row = None if padding_idx == -1 else padding_idx
    function = _functional().embedding
    return function(indices, weight, row, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


FREE = {
    function.__name__: function
    for function in (
        alpha_dropout, batch_norm, dropout, embedding, feature_alpha_dropout, group_norm,
        instance_norm, layer_norm,
    )
}  # fmt: skip
