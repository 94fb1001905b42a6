"""Learning-rate schedules, under PyTorch's names."""

from betty.optim.lr_scheduler.base import LRScheduler
from betty.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from betty.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from betty.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from betty.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from betty.optim.lr_scheduler.plateau import ReduceLROnPlateau

_LRScheduler = LRScheduler  # its older name

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
