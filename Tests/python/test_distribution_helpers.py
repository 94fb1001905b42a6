"""What distributions of one's own are made with, and where their parts are imported from."""

import importlib

import betty
import numpy as np
import pytest
from betty import distributions as D
from betty.distributions import utils

MODULES = (
    "bernoulli", "beta", "binomial", "categorical", "cauchy", "chi2", "continuous_bernoulli",
    "dirichlet", "exponential", "fishersnedecor", "gamma", "geometric", "gumbel", "half_cauchy",
    "half_normal", "independent", "inverse_gamma", "kumaraswamy", "laplace", "lkj_cholesky",
    "log_normal", "logistic_normal", "lowrank_multivariate_normal", "mixture_same_family",
    "multinomial", "multivariate_normal", "negative_binomial", "normal", "one_hot_categorical",
    "pareto", "poisson", "relaxed_bernoulli", "relaxed_categorical", "studentT",
    "transformed_distribution", "uniform", "von_mises", "weibull", "wishart",
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_each_class_has_its_module(name):
    module = importlib.import_module(f"betty.distributions.{name}")
    usual = {"relaxed_categorical": "relaxedonehotcategorical"}.get(name, name.replace("_", ""))
    assert any(each.lower() == usual.lower() and each in D.__all__ for each in vars(module))
    assert getattr(D, name) is module


def test_numbers_and_tensors_take_one_shape():
    x, y, z = utils.broadcast_all(betty.zeros(2, 1).double(), 1, betty.ones(3).double())
    assert x.shape == y.shape == z.shape == (2, 3)
    assert y.dtype is betty.float64
    assert utils.broadcast_all(1, 2.0)[0].dtype is betty.float32
    with pytest.raises(ValueError, match="must all be instances of Number"):
        utils.broadcast_all("1", 2)


def test_probabilities_and_logits():
    probs = betty.tensor([0.25, 0.75])
    for is_binary in (False, True):
        logits = utils.probs_to_logits(probs, is_binary)
        np.testing.assert_allclose(utils.logits_to_probs(logits, is_binary), probs, rtol=1e-6)
    assert utils.probs_to_logits(betty.tensor([0.0, 1.0]), True).isfinite().all()


@pytest.mark.parametrize("diag", [-1, 0, 1])
def test_triangles_and_their_elements(diag):
    matrix = betty.arange(1.0, 19.0).reshape(2, 3, 3).tril(diag)
    elements = utils.tril_matrix_to_vec(matrix, diag)
    assert elements[0].tolist() == [x for x in matrix[0].reshape(-1).tolist() if x]
    assert utils.vec_to_tril_matrix(elements, diag).tolist() == matrix.tolist()
    with pytest.raises(ValueError, match="outside"):
        utils.tril_matrix_to_vec(matrix, 3)
    with pytest.raises(ValueError, match="lower triangular part"):
        utils.vec_to_tril_matrix(betty.ones(4))


def test_a_property_is_computed_once():
    class Counted:
        count = 0

        @utils.lazy_property
        def value(self):
            """Read once."""
            self.count += 1
            return self.count

    counted = Counted()
    assert (counted.value, counted.value, Counted.value.__doc__) == (1, 1, "Read once.")


class Waiting(D.ExponentialFamily):
    """The exponential distribution by its natural parameter."""

    def __init__(self, rate):
        self.rate = rate
        super().__init__(rate.shape, validate_args=False)

    @property
    def _natural_params(self):
        return (-self.rate,)

    def _log_normalizer(self, x):
        return -betty.log(-x)

    _mean_carrier_measure = 0


def test_the_entropy_of_a_family_follows_from_its_normalizer():
    rate = betty.tensor([0.5, 2.0])
    np.testing.assert_allclose(Waiting(rate).entropy(), D.Exponential(rate).entropy(), rtol=1e-6)
