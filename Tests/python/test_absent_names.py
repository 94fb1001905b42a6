"""Names of PyTorch that are missing by design say why; and warnings that PyTorch has."""

import betty
import pytest
from betty import nn


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("int8", "the element types are float64"),
        ("complex64", "there are no complex numbers"),
        ("fft", "there are no complex numbers"),
        ("sparse_coo_tensor", "there are no sparse tensors"),
        ("quantize_per_tensor", "there are no quantized tensors"),
    ],
)
def test_what_is_missing_says_why(name, why):
    with pytest.raises(AttributeError, match=f"^module 'betty' has no attribute '{name}': {why}"):
        getattr(betty, name)
    assert not hasattr(betty, name)


def test_other_processes():
    with pytest.raises(AttributeError, match="'init_process_group': one process computes"):
        betty.distributed.init_process_group("gloo")


@pytest.mark.parametrize("module", [betty, betty.distributed])
def test_a_name_that_nobody_has(module):
    with pytest.raises(AttributeError, match=r"has no attribute 'no_such_thing'$"):
        module.no_such_thing


@pytest.mark.parametrize("mean", [10.0, -5.0])
def test_a_mean_far_outside(mean):
    with pytest.warns(UserWarning, match=r"mean is more than 2 std from \[a, b\]"):
        nn.init.trunc_normal_(betty.ones(2), mean=mean)


def test_an_old_weight_norm():
    with pytest.warns(FutureWarning, match=r"deprecated in favor of nn\.utils.parametrizations"):
        nn.utils.weight_norm(nn.Linear(2, 2))
