"""Where programs for PyTorch import names from, and what those of them do that are only there."""

import importlib

import betty
import numpy as np
import pytest
from betty import nn
from betty.utils.data import DistributedSampler

PATHS = [
    ("betty.nn.modules.module", "_IncompatibleKeys Module"),
    ("betty.nn.modules.conv", "_ConvNd _ConvTransposeNd Conv2d"),
    ("betty.nn.modules.activation", "MultiheadAttention ReLU"),
    ("betty.nn.modules.batchnorm", "_BatchNorm _NormBase"),
    ("betty.nn.modules.instancenorm", "_InstanceNorm InstanceNorm2d"),
    ("betty.nn.modules.normalization", "LayerNorm GroupNorm LocalResponseNorm"),
    ("betty.nn.modules.dropout", "_DropoutNd"),
    ("betty.nn.modules.loss", "_Loss TripletMarginLoss"),
    ("betty.nn.modules.distance", "CosineSimilarity PairwiseDistance"),
    ("betty.nn.modules.flatten", "Flatten Unflatten"),
    ("betty.nn.modules.fold", "Fold Unfold"),
    ("betty.nn.modules.pixelshuffle", "PixelShuffle"),
    ("betty.nn.modules.channelshuffle", "ChannelShuffle"),
    ("betty.nn.utils.clip_grad", "clip_grad_norm_ clip_grad_value_"),
    ("betty.nn.utils.convert_parameters", "parameters_to_vector"),
    ("betty.nn.utils.stateless", "functional_call"),
    ("betty.nn.utils.fusion", "fuse_conv_bn_eval fuse_linear_bn_eval"),
    ("betty.nn.utils", "skip_init fuse_conv_bn_eval"),
    ("betty.nn.common_types", "_size_2_t"),
    ("betty.nn.parallel", "DistributedDataParallel"),
    ("betty.nn.attention", "SDPBackend sdpa_kernel"),
    ("betty.optim.adamw", "AdamW"),
    ("betty.optim.lr_scheduler", "_LRScheduler LRScheduler"),
    ("betty.utils.data._utils.collate", "default_collate"),
    ("betty.utils.data.distributed", "DistributedSampler"),
    ("betty.amp", "GradScaler autocast"),
    ("betty.cuda.amp", "GradScaler autocast"),
    ("betty.nn.utils.weight_norm", "WeightNorm weight_norm remove_weight_norm"),
    ("betty.nn.utils.spectral_norm", "SpectralNorm spectral_norm remove_spectral_norm"),
    ("betty.nn.parallel.data_parallel", "DataParallel data_parallel"),
    ("betty.nn.parallel.distributed", "DistributedDataParallel"),
    ("betty.distributions.uniform", "Uniform"),
    ("betty.distributions.studentT", "StudentT"),
    ("betty.distributions.multivariate_normal", "MultivariateNormal"),
    ("betty.distributions.one_hot_categorical", "OneHotCategoricalStraightThrough"),
    ("betty.distributions.relaxed_bernoulli", "RelaxedBernoulli"),
    ("betty.distributions.constraint_registry", "ConstraintRegistry biject_to"),
    ("betty.distributions.exp_family", "ExponentialFamily"),
    ("betty.distributions.utils", "broadcast_all lazy_property euler_constant"),
    ("betty.utils._pytree", "tree_map tree_flatten tree_unflatten"),
]


@pytest.mark.parametrize(("path", "names"), PATHS)
def test_names_are_where_pytorch_has_them(path, names):
    module = importlib.import_module(path)
    for name in names.split():
        assert hasattr(module, name)


def test_the_name_of_the_original_for_unrolled_problems():
    from betty.problems import HigherIterativeProblem, IterativeProblem

    assert HigherIterativeProblem is IterativeProblem


def train(scaler, optimizer, w, factor=1.0):
    optimizer.zero_grad()
    scaler.scale((w * w).sum() * factor).backward()
    scaler.step(optimizer)
    scaler.update()


def test_a_scaler_of_losses_grows_and_shrinks():
    w = nn.Parameter(betty.ones(1))
    optimizer = betty.optim.SGD([w], lr=0.25)
    scaler = betty.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    train(scaler, optimizer, w)
    assert (w.item(), scaler.get_scale()) == (0.5, 4.0)
    train(scaler, optimizer, w, float("inf"))
    assert (w.item(), scaler.get_scale()) == (0.5, 2.0)
    train(scaler, optimizer, w)
    train(scaler, optimizer, w)
    assert (w.item(), scaler.get_scale()) == (0.125, 4.0)
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called on this optimizer"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="since the last update"):
        scaler.step(optimizer)
    scaler.update(16.0)
    other = betty.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    assert [x.item() for x in other.scale([w.detach() * 0 + 1])] == [16]
    with pytest.raises(ValueError, match="growth_factor must be above 1"):
        betty.amp.GradScaler("cpu", growth_factor=1.0)


def test_what_is_for_a_gpu_is_off():
    w = nn.Parameter(betty.ones(1))
    optimizer = betty.optim.SGD([w], lr=0.25)
    for make in (betty.amp.GradScaler, importlib.import_module("betty.cuda.amp").GradScaler):
        with pytest.warns(UserWarning, match="'cuda' is not available, disabled"):
            scaler = make()
        assert not scaler.is_enabled()
        assert (scaler.get_scale(), scaler.state_dict()) == (1.0, {})
        make(enabled=False)
    train(scaler, optimizer, w)
    assert w.item() == 0.5
    with pytest.warns(UserWarning, match="'cuda' is not available"), betty.cuda.amp.autocast():
        assert (betty.ones(1, 1) @ betty.ones(1, 1)).dtype is betty.float32
    with pytest.raises(RuntimeError, match="there is one process"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    with nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
        pass


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("layer", "norm", "x"),
    [
        (nn.Linear(3, 4), nn.BatchNorm1d, betty.rand(5, 3)),
        (nn.Conv2d(3, 4, 2, bias=False), nn.BatchNorm2d, betty.rand(2, 3, 4, 4)),
    ],
)
def test_batch_norms_are_taken_into_layers(layer, norm, x, affine):
    pair = nn.Sequential(layer, norm(4, affine=affine))
    for _ in range(3):
        pair(x)
    pair.eval()
    is_linear = isinstance(layer, nn.Linear)
    fuse = nn.utils.fuse_linear_bn_eval if is_linear else nn.utils.fuse_conv_bn_eval
    fused = fuse(*pair)
    np.testing.assert_allclose(fused(x).detach().numpy(), pair(x).detach().numpy(), atol=1e-5)
    with pytest.raises(AssertionError, match="only for eval"):
        fuse(*pair.train())


def test_small_helpers():
    assert nn.utils.skip_init(nn.Linear, 2, 3, device="cpu").weight.shape == (3, 2)
    p = nn.Parameter(betty.zeros(1))
    p.grad = betty.ones(1) * 4
    with pytest.warns(FutureWarning, match="is now clip_grad_norm_"):
        assert nn.utils.clip_grad_norm([p], 1.0).item() == 4


def test_shares_of_processes():
    shares = [list(DistributedSampler(range(7), 3, rank, seed=5)) for rank in range(3)]
    assert sorted({x for share in shares for x in share}) == list(range(7))
    assert [len(share) for share in shares] == [3, 3, 3]
    sampler = DistributedSampler(range(7), 3, 0, drop_last=True)
    first = list(sampler)
    assert (len(first), len(sampler)) == (2, 2)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(DistributedSampler(range(2), 5, 4, shuffle=False)) == [0]
    with pytest.raises(ValueError, match="rank must be from 0 to 2, got 3"):
        DistributedSampler(range(7), 3, 3)
    with pytest.raises(ValueError, match="process group"):
        DistributedSampler(range(7))
