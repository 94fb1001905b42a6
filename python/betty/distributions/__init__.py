"""Distributions whose samples and probabilities can be differentiated, under PyTorch's names."""

from betty.distributions.bernoulli import Bernoulli
from betty.distributions.categorical import Categorical
from betty.distributions.distribution import Distribution
from betty.distributions.normal import Normal

__all__ = ["Bernoulli", "Categorical", "Distribution", "Normal"]
