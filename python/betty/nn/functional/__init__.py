"""Operations of networks as functions, under PyTorch's names, by family."""

from betty.nn.functional import activations, layers, losses
from betty.nn.functional.activations import *
from betty.nn.functional.layers import *
from betty.nn.functional.losses import *

__all__ = activations.__all__ + layers.__all__ + losses.__all__
