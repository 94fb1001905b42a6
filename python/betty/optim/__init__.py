"""Optimizers, under PyTorch's names; their updates run in the engine."""

from betty.optim import lr_scheduler, swa_utils
from betty.optim.adadelta import Adadelta
from betty.optim.adafactor import Adafactor
from betty.optim.adagrad import Adagrad
from betty.optim.adam import Adam, AdamW
from betty.optim.adamax import Adamax
from betty.optim.asgd import ASGD
from betty.optim.lbfgs import LBFGS
from betty.optim.muon import Muon
from betty.optim.nadam import NAdam
from betty.optim.optimizer import Optimizer
from betty.optim.radam import RAdam
from betty.optim.rmsprop import RMSprop
from betty.optim.rprop import Rprop
from betty.optim.sgd import SGD
from betty.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]
