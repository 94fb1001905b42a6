"""Layers that learn the width of their inputs from the first of them.

Invariant: a parameter stays the same object when its shape becomes known, so an optimizer may have
it before.
"""

from __future__ import annotations

from typing import Any, ClassVar

from betty._native import Tensor
from betty.nn import batchnorm, conv, linear
from betty.nn.module import Module
from betty.nn.parameter import UninitializedParameter, is_lazy

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d",
    "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d",
    "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "LazyLinear",
]  # fmt: skip


class LazyModuleMixin:
    """Goes before a module's class: the first call gives parameters their shapes, and then the
    module becomes one of ``cls_to_become``."""

    cls_to_become: ClassVar[type | None] = None
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives parameters their shapes from the arguments of the first call."""
        raise NotImplementedError(f"{type(self).__name__} defines no initialize_parameters")

    def has_uninitialized_params(self) -> bool:
        """Whether a shape is not known yet."""
        return any(map(is_lazy, [*self._parameters.values(), *self._buffers.values()]))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(
                f"{type(self).__name__}: initialize_parameters left shapes that are not known"
            )
        if self.cls_to_become is None:
            return super().__call__(*args, **kwargs)  # type: ignore[misc]
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return self(*args, **kwargs)


class _Lazy(LazyModuleMixin):
    """A layer of this library without its first argument."""

    cls_to_become: ClassVar[type[Module]]
    width: ClassVar[str] = "num_features"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(0, *args, **kwargs)
        object.__setattr__(self, "_arguments", (args, kwargs))
        for name, value in self._parameters.items():
            if value is not None:
                self._parameters[name] = UninitializedParameter(dtype=value.dtype)

    def _width_of(self, input: Tensor) -> int:
        return input.shape[1]

    def reset_parameters(self) -> None:
        """Draws initial values; before there are shapes there is nothing to draw."""
        if hasattr(self, "_arguments") and not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *rest: Any, **options: Any) -> None:
        """Makes a layer of the width of the input and takes what it has."""
        args, kwargs = self._arguments  # type: ignore[attr-defined]
        made = self.cls_to_become(self._width_of(input), *args, **kwargs)
        setattr(self, self.width, getattr(made, self.width))
        if self.has_uninitialized_params():
            for name, value in made._buffers.items():
                self._buffers[name] = value
        for name, value in made._parameters.items():
            if is_lazy(self._parameters[name]):
                self._parameters[name].materialize(value.shape)
                self._parameters[name].data.copy_(value.data)
        del self._arguments


class LazyLinear(_Lazy, linear.Linear):
    """A linear layer whose ``in_features`` are those of its first input.

    Example:
        >>> import betty
        >>> layer = betty.nn.LazyLinear(3)
        >>> layer(betty.zeros(2, 4)).shape, layer
        (betty.Size([2, 3]), Linear(in_features=4, out_features=3, bias=True))
    """

    cls_to_become = linear.Linear
    width = "in_features"

    def _width_of(self, input: Tensor) -> int:
        return input.shape[-1]


class _LazyConv(_Lazy):
    width = "in_channels"

    def _width_of(self, input: Tensor) -> int:
        least = self.dims + 1  # type: ignore[attr-defined]
        if input.dim() not in (least, least + 1):
            raise RuntimeError(
                f"Expected {least}D (unbatched) or {least + 1}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {list(input.shape)}"
            )
        return input.shape[input.dim() - least]


class LazyConv1d(_LazyConv, conv.Conv1d):
    """A ``Conv1d`` whose ``in_channels`` are those of its first input."""

    cls_to_become = conv.Conv1d


class LazyConv2d(_LazyConv, conv.Conv2d):
    """A ``Conv2d`` whose ``in_channels`` are those of its first input."""

    cls_to_become = conv.Conv2d


class LazyConv3d(_LazyConv, conv.Conv3d):
    """A ``Conv3d`` whose ``in_channels`` are those of its first input."""

    cls_to_become = conv.Conv3d


class LazyConvTranspose1d(_LazyConv, conv.ConvTranspose1d):
    """A ``ConvTranspose1d`` whose ``in_channels`` are those of its first input."""

    cls_to_become = conv.ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, conv.ConvTranspose2d):
    """A ``ConvTranspose2d`` whose ``in_channels`` are those of its first input."""

    cls_to_become = conv.ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, conv.ConvTranspose3d):
    """A ``ConvTranspose3d`` whose ``in_channels`` are those of its first input."""

    cls_to_become = conv.ConvTranspose3d


class LazyBatchNorm1d(_Lazy, batchnorm.BatchNorm1d):
    """A ``BatchNorm1d`` whose ``num_features`` are those of its first input."""

    cls_to_become = batchnorm.BatchNorm1d


class LazyBatchNorm2d(_Lazy, batchnorm.BatchNorm2d):
    """A ``BatchNorm2d`` whose ``num_features`` are those of its first input."""

    cls_to_become = batchnorm.BatchNorm2d


class LazyBatchNorm3d(_Lazy, batchnorm.BatchNorm3d):
    """A ``BatchNorm3d`` whose ``num_features`` are those of its first input."""

    cls_to_become = batchnorm.BatchNorm3d


class _LazyInstanceNorm(_Lazy):
    def _width_of(self, input: Tensor) -> int:
        return input.shape[input.dim() - min(self.ranks)]  # type: ignore[attr-defined]


class LazyInstanceNorm1d(_LazyInstanceNorm, batchnorm.InstanceNorm1d):
    """An ``InstanceNorm1d`` whose ``num_features`` are those of its first input."""

    cls_to_become = batchnorm.InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, batchnorm.InstanceNorm2d):
    """An ``InstanceNorm2d`` whose ``num_features`` are those of its first input."""

    cls_to_become = batchnorm.InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, batchnorm.InstanceNorm3d):
    """An ``InstanceNorm3d`` whose ``num_features`` are those of its first input."""

    cls_to_become = batchnorm.InstanceNorm3d
