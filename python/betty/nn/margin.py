"""Losses of distances and margins as modules.

A loss of this family is its function with options, so each class names the function and the
options it takes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from betty._native import Tensor
from betty.nn import functional as F
from betty.nn.functional.losses import old_reduction
from betty.nn.module import Module

__all__ = [
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "PairwiseDistance",
    "PoissonNLLLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class _OptionLoss(Module):
    """Keeps the options, in PyTorch's order, and passes them to the function."""

    function: ClassVar[Callable[..., Tensor]]
    options: ClassVar[dict[str, Any]] = {}
    # PyTorch's two old flags; a loss without them takes its options by name only.
    flags: ClassVar[tuple[str, ...]] = ("size_average", "reduce")
    # The order of options and flags, where the flags do not come last.
    order: ClassVar[tuple[str, ...]] = ()
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in cls.__dict__:
            return
        defaults = {**cls.options, **dict.fromkeys(cls.flags), "reduction": "mean"}
        both, named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        kind = both if cls.flags else named
        names = (*cls.order, "reduction") if cls.order else defaults
        cls.__signature__ = inspect.Signature(
            [inspect.Parameter(name, kind, default=defaults[name]) for name in names]
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        bound.apply_defaults()
        values = bound.arguments
        flags = (values.pop("size_average", None), values.pop("reduce", None))
        self.reduction = old_reduction(*flags, values.pop("reduction"))
        for name, value in values.items():
            if name == "weight":
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)
        self._check()

    def _check(self) -> None:
        """What a loss asks of its options."""

    def forward(self, *inputs: Tensor) -> Tensor:
        options = {name: getattr(self, name) for name in self.options}
        return type(self).function(*inputs, **options, reduction=self.reduction)


def _check_margin(loss: Any) -> None:
    if loss.margin <= 0:
        raise ValueError(f"{type(loss).__name__}: margin must be positive, got {loss.margin}")


class SoftMarginLoss(_OptionLoss):
    """log(1 + exp(-target input))."""

    function = staticmethod(F.soft_margin_loss)


class HingeEmbeddingLoss(_OptionLoss):
    """input where target is 1, max(0, margin - input) where it is -1."""

    function = staticmethod(F.hinge_embedding_loss)
    options = {"margin": 1.0}


class MarginRankingLoss(_OptionLoss):
    """max(0, -target (input1 - input2) + margin)."""

    function = staticmethod(F.margin_ranking_loss)
    options = {"margin": 0.0}


class CosineEmbeddingLoss(_OptionLoss):
    """1 - cosine where target is 1, max(0, cosine - margin) where it is -1."""

    function = staticmethod(F.cosine_embedding_loss)
    options = {"margin": 0.0}


class MultiMarginLoss(_OptionLoss):
    """Σ_j≠y max(0, margin - x[y] + x[j])^p / C."""

    function = staticmethod(F.multi_margin_loss)
    options = {"p": 1, "margin": 1.0, "weight": None}


class MultiLabelMarginLoss(_OptionLoss):
    """Σ max(0, 1 - x[y] + x[j]) / C over labels and the classes besides."""

    function = staticmethod(F.multilabel_margin_loss)


class MultiLabelSoftMarginLoss(_OptionLoss):
    """Binary cross-entropies of logits, averaged over the classes."""

    function = staticmethod(F.multilabel_soft_margin_loss)
    options = {"weight": None}


class TripletMarginLoss(_OptionLoss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin)."""

    function = staticmethod(F.triplet_margin_loss)
    options = {"margin": 1.0, "p": 2.0, "eps": 1e-6, "swap": False}

    def _check(self) -> None:
        _check_margin(self)


class TripletMarginWithDistanceLoss(_OptionLoss):
    """The triplet loss with a distance of one's own."""

    function = staticmethod(F.triplet_margin_with_distance_loss)
    options = {"distance_function": None, "margin": 1.0, "swap": False}
    flags = ()

    def _check(self) -> None:
        _check_margin(self)
        if self.distance_function is None:
            self.distance_function = PairwiseDistance()


class PoissonNLLLoss(_OptionLoss):
    """-log of Poisson(target; rate)."""

    function = staticmethod(F.poisson_nll_loss)
    options = {"log_input": True, "full": False, "eps": 1e-8}
    order = ("log_input", "full", "size_average", "eps", "reduce")


class GaussianNLLLoss(_OptionLoss):
    """(log var + (input - target)² / var) / 2."""

    function = staticmethod(F.gaussian_nll_loss)
    options = {"full": False, "eps": 1e-6}
    flags = ()


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along ``dim``."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, dim=self.dim, eps=self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last axis."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
