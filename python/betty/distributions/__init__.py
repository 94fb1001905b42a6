"""Distributions whose samples and probabilities can be differentiated, under PyTorch's names."""

from betty._stand_ins import stand_in as _stand_in
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
    utils,
)
from betty.distributions import registry as constraint_registry
from betty.distributions.bernoulli import Bernoulli
from betty.distributions.categorical import Categorical
from betty.distributions.continuous import *
from betty.distributions.counts import *
from betty.distributions.distribution import Distribution
from betty.distributions.exp_family import ExponentialFamily
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
    ["Bernoulli", "Categorical", "Distribution", "ExponentialFamily", "Normal"]
    + [
        "kl_divergence",
        "register_kl",
        "biject_to",
        "constraint_registry",
        "constraints",
        "kl",
        "transform_to",
        "transforms",
    ]
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

# PyTorch's module of each class, where it is another than ours.
_NAMES = {
    "beta": "Beta", "binomial": "Binomial", "cauchy": "Cauchy", "chi2": "Chi2",
    "constraint_registry": "ConstraintRegistry biject_to transform_to",
    "continuous_bernoulli": "ContinuousBernoulli", "dirichlet": "Dirichlet",
    "exponential": "Exponential", "fishersnedecor": "FisherSnedecor", "gamma": "Gamma",
    "geometric": "Geometric", "gumbel": "Gumbel", "half_cauchy": "HalfCauchy",
    "half_normal": "HalfNormal", "independent": "Independent", "inverse_gamma": "InverseGamma",
    "kumaraswamy": "Kumaraswamy", "laplace": "Laplace", "lkj_cholesky": "LKJCholesky",
    "log_normal": "LogNormal", "logistic_normal": "LogisticNormal",
    "lowrank_multivariate_normal": "LowRankMultivariateNormal",
    "mixture_same_family": "MixtureSameFamily", "multinomial": "Multinomial",
    "multivariate_normal": "MultivariateNormal", "negative_binomial": "NegativeBinomial",
    "one_hot_categorical": "OneHotCategorical OneHotCategoricalStraightThrough",
    "pareto": "Pareto", "poisson": "Poisson", "relaxed_bernoulli": "RelaxedBernoulli",
    "relaxed_categorical": "RelaxedOneHotCategorical", "studentT": "StudentT",
    "transformed_distribution": "TransformedDistribution", "uniform": "Uniform",
    "von_mises": "VonMises", "weibull": "Weibull", "wishart": "Wishart",
}  # fmt: skip

_own = {**vars(registry), **globals()}
for _name, _classes in _NAMES.items():
    _made = _stand_in(f"{__name__}.{_name}", {each: _own[each] for each in _classes.split()})
    globals().setdefault(_name, _made)
del _name, _classes, _own, _made
