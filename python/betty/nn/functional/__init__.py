"""Operations of networks as functions, under PyTorch's names, by family."""

from betty.nn.functional import (
    activations,
    attention,
    convolution,
    dropouts,
    layers,
    losses,
    margins,
    normalization,
    pooling,
    sampling,
    sequences,
    vision,
    volumes,
)
from betty.nn.functional.activations import *
from betty.nn.functional.attention import *
from betty.nn.functional.convolution import *
from betty.nn.functional.dropouts import *
from betty.nn.functional.layers import *
from betty.nn.functional.losses import *
from betty.nn.functional.margins import *
from betty.nn.functional.normalization import *
from betty.nn.functional.pooling import *
from betty.nn.functional.sampling import *
from betty.nn.functional.sequences import *
from betty.nn.functional.vision import *
from betty.nn.functional.volumes import *

__all__ = (
    activations.__all__
    + attention.__all__
    + convolution.__all__
    + dropouts.__all__
    + layers.__all__
    + losses.__all__
    + margins.__all__
    + normalization.__all__
    + pooling.__all__
    + sampling.__all__
    + sequences.__all__
    + vision.__all__
    + volumes.__all__
)
