"""Names of PyTorch for what is fixed here, or done by another function: accepted, so that programs
run unchanged."""

from __future__ import annotations

import warnings
from typing import Any

from betty import _creation, _native, _overloads, _types
from betty import _functions as F
from betty._native import Tensor, dtype
from betty._results import writing
from betty._types import CPU
from betty._warnings import warn

# ---- settings ----------------------------------------------------------------------------------


class _Settings:
    """What a program may set and read back. Nothing depends on it."""

    precision = "highest"
    deterministic = False
    warns_always = False
    device = CPU


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted: products of float32 are products of float32."""
    if precision not in ("highest", "high", "medium"):
        warnings.warn(f"{precision} is not one of 'highest', 'high' or 'medium'", stacklevel=2)
        return
    _Settings.precision = precision


def get_float32_matmul_precision() -> str:
    """What was set."""
    return _Settings.precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: reductions have a fixed order, so results always repeat."""
    _Settings.deterministic = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What was set; results repeat either way."""
    return _Settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """False: there is nothing to warn of."""
    return False


def set_flush_denormal(mode: bool) -> bool:
    """False: denormal numbers are kept."""
    return False


def set_warn_always(b: bool) -> None:
    """Accepted."""
    _Settings.warns_always = bool(b)


def is_warn_always_enabled() -> bool:
    """What was set."""
    return _Settings.warns_always


def set_default_device(device: Any) -> None:
    """Accepted for the processor; another device is refused."""
    _types.check_device(device)


def get_default_device() -> _types.device:
    """The processor."""
    return CPU


def set_default_tensor_type(t: Any) -> None:
    """Sets the type that Python floats get, by the name of a tensor type."""
    kind = t.dtype if isinstance(t, _TensorType) else _by_name(str(t))
    _types.set_default_dtype(kind)


def set_num_interop_threads(num: int) -> None:
    """Accepted: one pool of threads does all work."""


def get_num_interop_threads() -> int:
    """1: one evaluation at a time."""
    return 1


def is_inference_mode_enabled() -> bool:
    """Whether gradients are off, which is all that inference mode is here."""
    return not _native.grad_mode_get()


# ---- types by their old names ------------------------------------------------------------------


class _TensorType(type):
    """The class of FloatTensor and its kin: a tensor of that type is an instance."""

    dtype: dtype

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *arguments: Any) -> Tensor:
        if len(arguments) == 1 and not isinstance(arguments[0], (int, _types.Size)):
            given = arguments[0]
            if isinstance(given, Tensor):
                if given.dtype is not cls.dtype:
                    raise TypeError(f"expected {cls.__name__} (got {given.type()})")
                return given
            return _creation.tensor(given, dtype=cls.dtype)
        return _creation.zeros(*arguments or (0,), dtype=cls.dtype)


_KINDS = {
    "DoubleTensor": _types.float64, "FloatTensor": _types.float32, "HalfTensor": _types.float16,
    "BFloat16Tensor": _types.bfloat16, "LongTensor": _types.int64, "IntTensor": _types.int32,
    "ByteTensor": _types.uint8, "BoolTensor": _types.bool,
}  # fmt: skip
TYPES = {
    name: _TensorType(name, (), {"dtype": kind, "__module__": "betty"})
    for name, kind in _KINDS.items()
}


def _by_name(name: str) -> dtype:
    short = name.rpartition(".")[2].rstrip("'>")
    if short not in _KINDS:
        raise TypeError(f"invalid type object: '{name}'")
    return _KINDS[short]


# ---- functions ---------------------------------------------------------------------------------


def is_storage(obj: Any) -> bool:
    """False: tensors show their memory as arrays."""
    return False


def typename(obj: Any) -> str:
    """The name of a type, with its module."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return (
        f"{kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else kind.__name__
    )


def get_device(input: Tensor) -> int:
    """-1: the processor."""
    return -1


def is_inference(input: Tensor) -> bool:
    """False: there are no tensors that gradients may not be asked of."""
    return False


def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density=False
) -> tuple[Tensor, Tensor]:
    """Counts and the edges they are counted between. Evaluates."""
    import numpy

    values = input.detach().numpy().reshape(-1)
    edges = bins.detach().numpy() if isinstance(bins, Tensor) else bins
    weights = None if weight is None else weight.detach().numpy().reshape(-1)
    found = numpy.histogram(values, edges, range, density=density, weights=weights)
    made = (numpy.ascontiguousarray(part) for part in found)
    counts, limits = (_native.from_buffer(part).to(input.dtype) for part in made)
    return counts, limits


def _integers(name: str, function: str):
    def compute(input: Tensor, other: Tensor) -> Tensor:
        import numpy

        if not isinstance(other, Tensor):
            raise TypeError(f"{name}: other must be a Tensor, got {type(other).__name__}")
        if input.dtype.is_floating_point or other.dtype.is_floating_point:
            raise NotImplementedError(f"{name}: takes integers")
        result = getattr(numpy, function)(input.numpy(), other.numpy())
        return _native.from_buffer(numpy.ascontiguousarray(result).reshape(result.shape))

    compute.__name__ = name
    return writing(compute)


gcd, lcm = _integers("gcd", "gcd"), _integers("lcm", "lcm")
gcd.__doc__, lcm.__doc__ = "Greatest common divisors. Evaluates.", "Least multiples. Evaluates."


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Slopes along dimensions, by central differences with one-sided ones at the edges."""
    dims = range_of(input.ndim) if dim is None else ((dim,) if isinstance(dim, int) else tuple(dim))
    if edge_order != 1 or not isinstance(spacing, (int, float, list, tuple)):
        raise NotImplementedError("gradient: takes numbers as spacing and edge_order=1")
    steps = [spacing] * len(dims) if isinstance(spacing, (int, float)) else list(spacing)
    return tuple(_slope(input, axis, step) for axis, step in zip(dims, steps, strict=True))


def range_of(rank: int) -> tuple[int, ...]:
    """0, 1, ... below a rank."""
    return tuple(range(rank))


def _slope(input: Tensor, axis: int, step: float) -> Tensor:
    length = input.shape[axis]
    if length < 2:
        raise RuntimeError("gradient: expected each dimension size to be at least 2")

    def part(start: int, stop: int) -> Tensor:
        return F.narrow(input, axis, start, stop - start)

    first = (part(1, 2) - part(0, 1)) / step
    last = (part(length - 1, length) - part(length - 2, length - 1)) / step
    inner = (part(2, length) - part(0, length - 2)) / (2 * step)
    return F.cat([first, inner, last], axis)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element repeated, along dim or flat; a tensor, evaluated, says how often each."""
    if repeats is None:
        input, repeats, dim = _creation.arange(input.shape[0]), input, 0
    if not isinstance(repeats, Tensor) or repeats.numel() == 1:
        count = int(repeats.item()) if isinstance(repeats, Tensor) else repeats
        return F.repeat_interleave(input, count, dim)
    value = input.reshape(-1) if dim is None else input
    axis = 0 if dim is None else dim
    if repeats.ndim != 1 or repeats.shape[0] != value.shape[axis]:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{repeats.shape[0] if repeats.ndim else 0} and input.size({axis}) = "
            f"{value.shape[axis]}"
        )
    import numpy

    counts = _overloads.array_of(repeats)
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    places = numpy.repeat(numpy.arange(len(counts), dtype=numpy.int64), counts)
    return F.index_select(value, axis, _native.from_buffer(places))


@writing
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: Any = None,
) -> Tensor:
    """input with src (a tensor or number) in place along dim at index, or joined with it."""
    given = value if src is None else src
    if reduce is None:
        return F.scatter(input, dim, index, given)
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    if isinstance(given, Tensor):
        warn(
            "The reduce argument of scatter with Tensor src is deprecated. Use scatter_reduce "
            "instead for more reduction options."
        )
    else:
        given = F.full_like(index, given).to(input.dtype)
    return F.scatter_reduce(input, dim, index, given, "sum" if reduce == "add" else "prod")


FUNCTIONS = {
    "gcd": gcd, "lcm": lcm, "gradient": gradient, "histogram": histogram,
    "repeat_interleave": repeat_interleave, "scatter": scatter, "is_inference": is_inference,
}  # fmt: skip
FREE = {
    function.__name__: function
    for function in (
        are_deterministic_algorithms_enabled, get_default_device, get_device,
        get_float32_matmul_precision, get_num_interop_threads, is_inference_mode_enabled,
        is_deterministic_algorithms_warn_only_enabled, is_storage, is_warn_always_enabled,
        set_default_device, set_default_tensor_type, set_float32_matmul_precision,
        set_flush_denormal, set_num_interop_threads, set_warn_always, typename,
        use_deterministic_algorithms,
    )
}  # fmt: skip
# Functions of nn.functional that PyTorch has in its main module too.
FROM_NETWORKS = {
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "avg_pool1d", "bilinear",
    "binary_cross_entropy_with_logits", "celu", "celu_", "channel_shuffle", "conv1d",
    "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "cosine_embedding_loss", "cosine_similarity", "ctc_loss", "embedding_bag",
    "hinge_embedding_loss", "kl_div", "margin_ranking_loss", "max_pool1d", "max_pool2d",
    "max_pool3d", "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle",
    "poisson_nll_loss", "prelu", "relu_", "rms_norm", "rrelu", "rrelu_", "selu", "selu_",
    "threshold_", "triplet_margin_loss",
}  # fmt: skip


# ---- methods -----------------------------------------------------------------------------------


def _new(self: Tensor, *arguments: Any, device: Any = None) -> Tensor:
    """A tensor of the same type, of sizes or values."""
    _types.check_device(device)
    if len(arguments) == 1 and not isinstance(arguments[0], (int, _types.Size)):
        return _creation.tensor(arguments[0], dtype=self.dtype)
    return _creation.empty(*arguments or (0,), dtype=self.dtype)


def _apply(self: Tensor, function: Any) -> Tensor:
    """Puts a Python function's result in place of each element. Evaluates."""
    values = [function(x) for x in self.detach().reshape(-1).tolist()]
    self.detach().copy_(_creation.tensor(values).reshape(self.shape))
    return self


def _map(self: Tensor, other: Tensor, function: Any) -> Tensor:
    """Puts function(own, other) in place of each element. Evaluates."""
    pairs = zip(
        self.reshape(-1).tolist(), other.expand(self.shape).reshape(-1).tolist(), strict=True
    )
    values = [function(x, y) for x, y in pairs]
    return self.copy_(_creation.tensor(values).reshape(self.shape))


def _resize(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Takes another shape: the first elements are kept, others are zeros."""
    shape = tuple(_overloads._spread(size))
    total = 1
    for length in shape:
        total *= length
    flat = self.detach().reshape(-1)[:total]
    missing = _creation.zeros(total - flat.numel(), dtype=self.dtype)
    self.data = F.cat([flat, missing]).reshape(shape)
    return self


def _reshaping(name: str) -> Any:
    """A method that changes the shape in place, of a tensor by itself: a view keeps its own."""
    plain = getattr(Tensor, name)

    def change(self: Tensor, *arguments: Any, **keywords: Any) -> Tensor:
        made = plain(self, *arguments, **keywords)
        if made.shape == self.shape:
            return self._update(made)
        if self.requires_grad and not self.is_leaf:
            raise RuntimeError(f"{name}_: the shape of a tensor with a history cannot be changed")
        if self.requires_grad and _native.grad_mode_get():
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation."
            )
        value = made.detach().clone()
        _native.evaluate(value)  # while it still looks at the old shape
        self.data = value
        return self

    change.__name__ = f"{name}_"
    return change


METHODS = {
    "new": _new,
    "apply_": _apply,
    "map_": _map,
    "resize_": _resize,
    "resize_as_": lambda self, other, memory_format=None: _resize(self, *other.shape),
    "is_shared": lambda self: True,
    "share_memory_": lambda self: self,
    "is_pinned": lambda self, device=None: False,
    "is_conj": lambda self: False,
    "is_neg": lambda self: False,
    "to_dense": lambda self, dtype=None, *, masked_grad=None: (
        self if dtype is None else self.to(dtype)
    ),
    "dim_order": lambda self, ambiguity_check=False: range_of(self.ndim),
    "is_set_to": lambda self, tensor: self is tensor,
    "is_distributed": lambda self: False,
    "get_device": get_device,
}
RESHAPING = (
    "squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze",
)  # fmt: skip
