"""Optimizers, under PyTorch's names; their updates run in the engine."""

from betty.optim import lr_scheduler
from betty.optim.adadelta import Adadelta
from betty.optim.adagrad import Adagrad
from betty.optim.adam import Adam, AdamW
from betty.optim.adamax import Adamax
from betty.optim.nadam import NAdam
from betty.optim.optimizer import Optimizer
from betty.optim.rmsprop import RMSprop
from betty.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]
