"""Distributions whose samples and probabilities can be differentiated, under PyTorch's names."""

from betty.distributions import (
    constraints,
    continuous,
    counts,
    joint,
    kl,
    kl_pairs,
    lowrank,
    matrices,
    positive,
    powers,
    real,
    registry,
    transforms,
)
from betty.distributions import registry as constraint_registry
from betty.distributions.bernoulli import Bernoulli
from betty.distributions.categorical import Categorical
from betty.distributions.continuous import *
from betty.distributions.counts import *
from betty.distributions.distribution import Distribution
from betty.distributions.joint import *
from betty.distributions.kl import kl_divergence, register_kl
from betty.distributions.lowrank import *
from betty.distributions.matrices import *
from betty.distributions.normal import Normal
from betty.distributions.positive import *
from betty.distributions.powers import *
from betty.distributions.real import *
from betty.distributions.registry import biject_to, transform_to
from betty.distributions.transforms import *

__all__ = (
    ["Bernoulli", "Categorical", "Distribution", "Normal", "kl_divergence", "register_kl"]
    + ["biject_to", "constraint_registry", "constraints", "kl", "transform_to", "transforms"]
    + continuous.__all__
    + counts.__all__
    + joint.__all__
    + lowrank.__all__
    + matrices.__all__
    + positive.__all__
    + powers.__all__
    + real.__all__
    + transforms.__all__
)
