"""Optimizers, under PyTorch's names; their updates run in the engine."""

from betty.optim import lr_scheduler
from betty.optim.adam import Adam, AdamW
from betty.optim.optimizer import Optimizer
from betty.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
