"""Normalisations by statistics as modules: batch, instance and group norm.

Invariant: running statistics are buffers that change while training and only then; what a
hypergradient evaluates again never changes them.
"""

from __future__ import annotations

from typing import Any

from betty import _types
from betty._checks import check_counts
from betty._creation import ones, tensor, zeros
from betty._native import Tensor
from betty._warnings import warn
from betty.nn import functional as F
from betty.nn import init
from betty.nn.module import Module
from betty.nn.parameter import Parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """Affine parameters and running statistics of channels."""

    _version = 2  # the first counted no batches
    ranks: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        check_counts(type(self).__name__, num_features=num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        _affine(self, num_features, affine, bias, dtype)
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, dtype=dtype))
            self.register_buffer("running_var", ones(num_features, dtype=dtype))
            self.register_buffer("num_batches_tracked", tensor(0, dtype=_types.int64))
        else:
            self.register_buffer("running_mean", None)
            self.register_buffer("running_var", None)
            self.register_buffer("num_batches_tracked", None)
        if device is not None:
            self.to(device)

    def reset_running_stats(self) -> None:
        """Means of 0, variances of 1, no batches."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weights of 1, biases of 0, statistics as at first."""
        self.reset_running_stats()
        _reset_affine(self)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        """A state that counts no batches leaves the count as it is."""
        is_old = local_metadata.get("version", 1) < 2
        if is_old and self.num_batches_tracked is not None:
            state_dict.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _momentum(self) -> float | Tensor:
        """The share of this batch: None is the cumulative average."""
        if self.momentum is None:
            return 1.0 / self.num_batches_tracked.to(self.running_mean.dtype)
        return self.momentum

    def _check_rank(self, input: Tensor) -> None:
        if input.dim() not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")


def _affine(module: Module, channels: int, affine: bool, bias: bool, dtype: Any) -> None:
    if affine:
        module.weight = Parameter(ones(channels, dtype=dtype))
    else:
        module.register_parameter("weight", None)
    if affine and bias:
        module.bias = Parameter(zeros(channels, dtype=dtype))
    else:
        module.register_parameter("bias", None)


def _reset_affine(module: Module) -> None:
    if module.weight is not None:
        init.ones_(module.weight)
    if module.bias is not None:
        init.zeros_(module.bias)


class _BatchNorm(_NormBase):
    _synchronized = False

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_rank(input)
        tracks = self.training and self.track_running_stats
        momentum: float | Tensor = 0.0
        if tracks and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            momentum = self._momentum()
        uses_batch = self.training or (self.running_mean is None and self.running_var is None)
        keeps = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keeps else None,
            self.running_var if keeps else None,
            self.weight,
            self.bias,
            uses_batch,
            momentum,
            self.eps,
            synchronized=self._synchronized,
        )


class BatchNorm1d(_BatchNorm):
    """Batch norm of [N, C] or [N, C, L] (Ioffe and Szegedy, ICML 2015).

    Example:
        >>> import betty
        >>> betty.nn.BatchNorm1d(3)(betty.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 4.0]]))
        tensor([[-1.0000,  0.0000, -1.0000],
                [ 1.0000,  0.0000,  1.0000]], grad_fn=<BatchNormTrainingBackward0>)
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm of [N, C, H, W].

    Args:
        num_features: Channels C.
        eps: Added to the variance.
        momentum: Share of a batch in the running statistics; None averages all batches.
        affine: Whether there are weight and bias.
        track_running_stats: Whether there are running statistics, which ``eval`` uses.

    Raises:
        ValueError: Input of another rank, or training with one value a channel.

    Example:
        >>> import betty
        >>> betty.nn.BatchNorm2d(16)
        BatchNorm2d(16, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of [N, C, D, H, W]."""

    ranks = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch norm whose statistics are those of the whole batch where replicas split it.

    Args:
        num_features: Channels C of [N, C, ...].
        eps: Added to the variance.
        momentum: Share of a batch in the running statistics; None averages all batches.
        affine: Whether there are weight and bias.
        track_running_stats: Whether there are running statistics, which ``eval`` uses.
        process_group: Accepted for migration: all replicas take part.

    Raises:
        ValueError: Input of one dimension, or training with one value a channel.
        RuntimeError: Replicas that do not normalise alike, when a step is compiled.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    _synchronized = True

    def _check_rank(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with every batch norm in it replaced by a synchronised one, which has its
        parameters and buffers.

        Example:
            >>> from betty import nn
            >>> nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(3)))
            Sequential(
              (0): SyncBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, bias=True, \
track_running_stats=True)
            )
        """
        if isinstance(module, _BatchNorm):
            made = cls.__new__(cls)
            made.__dict__.update(module.__dict__)
            made.process_group = process_group
            return made
        for name, child in list(module.named_children()):
            converted = cls.convert_sync_batchnorm(child, process_group)
            if converted is not child:
                setattr(module, name, converted)
        return module


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_rank(input)
        # One sample without a batch has its channels first.
        axis = input.dim() - min(self.ranks)
        if input.shape[axis] != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={axis} to match num_features "
                f"({self.num_features}), but got: {input.shape[axis]}."
            )
        if input.shape[axis] != self.num_features:
            warn(
                f"input's size at dim={axis} does not match num_features. You can silence this "
                "warning by not passing in num_features, which is not used because affine=False"
            )
        return F.instance_norm(
            input if axis else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        ).reshape(input.shape)


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of [N, C, L] or [C, L] (Ulyanov et al., 2016)."""

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance norm of [N, C, H, W] or [C, H, W]."""

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance norm of [N, C, D, H, W] or [C, D, H, W]."""

    ranks = (4, 5)


class GroupNorm(Module):
    """Groups of channels of each sample made standard (Wu and He, ECCV 2018).

    Raises:
        ValueError: Channels that do not divide by the groups.

    Example:
        >>> import betty
        >>> betty.nn.GroupNorm(2, 4)
        GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_counts("GroupNorm", num_channels=num_channels)
        if num_groups <= 0 or num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _affine(self, num_channels, affine, bias, dtype)
        if device is not None:
            self.to(device)

    def reset_parameters(self) -> None:
        """Weights of 1, biases of 0."""
        _reset_affine(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
