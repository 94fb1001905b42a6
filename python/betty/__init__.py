"""Betty: multilevel optimisation on a compiled engine.

Tensors and functions under PyTorch's names; `betty.nn`, `betty.optim`, `betty.utils.data` beside
them; `betty.engine`, `betty.problems` and `betty.configs` for multilevel programs. Reading order
of this package: _types (element types), _tensor (methods), _functions (operations, generated),
autograd, func.
"""

import importlib as _importlib
import math as _math

from betty import (
    _absent,
    _derived,
    _extras,
    _factors,
    _functions,
    _low_rank,
    _native,
    _networks,
    _operands,
    _ordering,
    _strict,
    _views,
    _windows,
    amp,
    autograd,
    cuda,
    func,
)
from betty._creation import (
    arange,
    as_tensor,
    asarray,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    frombuffer,
    full,
    full_like,
    linspace,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from betty._files import load, save
from betty._native import Tensor, dtype
from betty._overloads import (
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    equal,
    flip,
    is_floating_point,
    is_nonzero,
    is_tensor,
    masked_select,
    max,
    meshgrid,
    min,
    nonzero,
    norm,
    numel,
    permute,
    pow,
    reshape,
    result_type,
    std,
    std_mean,
    tile,
    unique,
    var,
    var_mean,
    where,
)
from betty._printing import set_printoptions
from betty._process import (
    Generator,
    _assert,
    counters,
    default_generator,
    dump,
    evaluate,
    get_num_threads,
    get_rng_state,
    initial_seed,
    manual_seed,
    memory_stats,
    seed,
    set_num_threads,
    set_rng_state,
)
from betty._tensor import _NO_METHODS
from betty._types import (
    Size,
    bfloat16,
    bool,
    can_cast,
    channels_last,
    channels_last_3d,
    contiguous_format,
    device,
    double,
    finfo,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int32,
    int64,
    layout,
    long,
    memory_format,
    preserve_format,
    promote_types,
    set_default_dtype,
    sparse_coo,
    sparse_csr,
    strided,
    uint8,
)
from betty.amp import autocast, get_autocast_dtype, is_autocast_enabled
from betty.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from betty.func import vmap

# Functions that PyTorch keeps in nn.functional alone, and helpers of this package.
_ELSEWHERE = _NO_METHODS - {"cat", "stack", "threshold"}

_MADE = {**_derived.FREE, **_derived.FUNCTIONS, **_ordering.FREE, **_ordering.FUNCTIONS}
_MADE |= {**_factors.FUNCTIONS, **_factors.FREE, **_windows.FUNCTIONS, **_windows.FREE}
_MADE |= {**_views.FUNCTIONS, **_extras.FUNCTIONS, **_extras.FREE, **_extras.TYPES}
_MADE |= _networks.FREE | _low_rank.FREE | _strict.FUNCTIONS
globals().update({n: f for n, f in _MADE.items() if n != "sum_to_size"})
globals().update({n: _operands.checked(f) for n, f in list(globals().items())})
for _name in _functions.__all__:
    if _name not in _ELSEWHERE and _name not in globals():
        globals()[_name] = getattr(_functions, _name)
for _name, _first in _derived.ALIASES.items():
    globals()[_name] = getattr(_functions, _first)
del _name, _first

__version__ = _native.version()
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None
OutOfMemoryError = MemoryError

# Imported when first asked for: `import betty` stays quick.
_SUBMODULES = (
    "accelerator", "backends", "compiler", "configs", "distributed", "distributions", "engine",
    "envs", "hub", "hypergradient", "jit", "linalg", "logging", "multiprocessing", "nn", "onnx",
    "optim", "overrides", "problems", "profiler", "random", "serialization", "special", "testing",
    "transforms", "types", "utils", "version",
)  # fmt: skip


def __getattr__(name: str):
    if name in _SUBMODULES:
        return _importlib.import_module(f"betty.{name}")
    if name in _extras.FROM_NETWORKS:
        return getattr(_importlib.import_module("betty.nn.functional"), name)
    if name.endswith("_") and not name.startswith("_") and hasattr(Tensor, name):
        return getattr(Tensor, name)
    if name == "Engine":
        return _importlib.import_module("betty.engine").Engine
    raise _absent.refused("betty", name)


def __dir__():
    return sorted({*globals(), *_SUBMODULES, "Engine"})
