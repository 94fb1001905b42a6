"""Distributions whose samples and probabilities can be differentiated, under PyTorch's names."""

from betty.distributions import constraints, counts, joint, kl, positive, real, transforms
from betty.distributions.bernoulli import Bernoulli
from betty.distributions.categorical import Categorical
from betty.distributions.counts import *
from betty.distributions.distribution import Distribution
from betty.distributions.joint import *
from betty.distributions.kl import kl_divergence, register_kl
from betty.distributions.normal import Normal
from betty.distributions.positive import *
from betty.distributions.real import *
from betty.distributions.transforms import *

__all__ = (
    ["Bernoulli", "Categorical", "Distribution", "Normal", "kl_divergence", "register_kl"]
    + ["constraints", "kl", "transforms"]
    + counts.__all__
    + joint.__all__
    + positive.__all__
    + real.__all__
    + transforms.__all__
)
