"""A softmax over many classes, of which few are frequent (Grave et al., ICML 2017).

Invariant: all clusters are computed for all rows, so that shapes depend on no label and a step can
be recorded once; what is saved are the narrow projections of rare classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from betty import _functions as F
from betty._checks import is_readable
from betty._native import Tensor
from betty.nn.container import ModuleList, Sequential
from betty.nn.linear import Linear
from betty.nn.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _Result(NamedTuple):
    """What the module gives: a log-probability for each row, and the loss."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of classes in clusters: the head has the frequent classes and one entry for
    each cluster of rarer ones, which see the input through ever narrower projections.

    Args:
        in_features: Width of the input.
        n_classes: Number of classes, numbered from the most frequent.
        cutoffs: Where clusters begin: the head has the classes below ``cutoffs[0]``.
        div_value: Cluster number i has ``in_features / div_value**i`` features.
        head_bias: Whether the head has a bias.

    Shapes:
        Input [N, in_features] and target [N], or [in_features] and []; ``output`` is like the
        target, ``loss`` a scalar.

    Raises:
        ValueError: ``cutoffs`` do not rise from 1 to below ``n_classes``.
        RuntimeError: Input and target are of other shapes.
        IndexError: A target is no class; found when the result is computed.

    Example:
        >>> import betty
        >>> softmax = betty.nn.AdaptiveLogSoftmaxWithLoss(16, 20, cutoffs=[5, 10])
        >>> output, loss = softmax(betty.zeros(4, 16), betty.tensor([0, 4, 9, 19]))
        >>> output.shape, softmax.log_prob(betty.zeros(4, 16)).exp().sum(1)
        (betty.Size([4]), tensor([1., 1., 1., 1.], grad_fn=<SumBackward0>))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: object = None,
        dtype: object = None,
    ) -> None:
        super().__init__()
        bounds = list(cutoffs)
        if not bounds:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(low < high for low, high in pairwise(bounds))
        whole = all(int(bound) == bound for bound in bounds)
        if not rising or not whole or bounds[0] <= 0 or bounds[-1] > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                f"order, where each value is between 1 and n_classes-1, got {bounds}"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*bounds, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = bounds[0], len(bounds)
        self.head_size = self.shortlist_size + self.n_clusters
        options = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **options)
        self.tail = ModuleList()
        for number, (low, high) in enumerate(zip(bounds, self.cutoffs[1:], strict=True), 1):
            width = int(in_features // div_value**number)
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **options),
                    Linear(width, high - low, bias=False, **options),
                )
            )

    def reset_parameters(self) -> None:
        """Draws the initial values anew."""
        for layer in (self.head, *(layer for pair in self.tail for layer in pair)):
            layer.reset_parameters()

    def _check(self, input: Tensor, target: Tensor) -> None:
        if target.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input.ndim != target.ndim + 1:
            raise RuntimeError(
                f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, "
                f"but found inputs with size {tuple(input.shape)}"
            )
        if target.ndim and input.shape[0] != target.shape[0]:
            raise RuntimeError(
                "Input and target should have the same size in the batch dimension, got "
                f"{input.shape[0]} and {target.shape[0]}"
            )
        if is_readable() and bool(((target < 0) | (target >= self.n_classes)).any()):
            raise RuntimeError(f"Target values should be in [0, {self.n_classes - 1}]")

    def forward(self, input: Tensor, target: Tensor) -> _Result:
        self._check(input, target)
        found = self.log_prob(input).gather(-1, target.unsqueeze(-1)).squeeze(-1)
        return _Result(found, (-found).mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes.

        Args:
            input: [N, in_features] or [in_features].

        Returns:
            [N, n_classes] or [n_classes].
        """
        head = F.log_softmax(self.head(input), -1)
        parts = [head[..., : self.shortlist_size]]
        for number, cluster in enumerate(self.tail, self.shortlist_size):
            parts.append(F.log_softmax(cluster(input), -1) + head[..., number : number + 1])
        return F.cat(parts, -1)

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class: the head's where that is a class by itself, else that of all.

        Args:
            input: [N, in_features] or [in_features].

        Returns:
            [N] or [].
        """
        first = F.argmax(self.head(input), -1)
        return F.where(first < self.shortlist_size, first, F.argmax(self.log_prob(input), -1))
