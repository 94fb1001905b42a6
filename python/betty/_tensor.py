"""The methods of Tensor beyond those in C: attached here, under PyTorch's names.

Invariant: a method `name_` records what `name` gives and makes it the tensor's value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from betty import (
    _creation,
    _derived,
    _extras,
    _factors,
    _indexing,
    _inplace,
    _native,
    _ordering,
    _overloads,
    _printing,
    _protocols,
    _strict,
    _types,
    _views,
    _windows,
)
from betty import _functions as F
from betty._method_names import FALSE, FREE, FROM_OVERLOADS, IN_PLACE
from betty._native import Tensor, dtype
from betty._types import Size, check_device, refuse_device
from betty._warnings import warn

_to = _native.operation("to")
_native.from_array = _creation.as_tensor


# ---- construction and conversion ---------------------------------------------------------------


def _construct(*arguments: Any, **keywords: Any) -> Tensor:
    """Tensor(...): of sizes, or of values in the default type."""
    device = keywords.pop("device", None)
    check_device(device)
    if keywords:
        raise TypeError(f"Tensor: unexpected arguments {sorted(keywords)}")
    if not arguments:
        return _creation.empty(0)
    if len(arguments) == 1 and not isinstance(arguments[0], int):
        source = arguments[0]
        if isinstance(source, Size):
            return _creation.empty(source)
        if isinstance(source, Tensor):
            return source
        if isinstance(source, Mapping):
            raise TypeError(f"Tensor: takes sizes or a sequence, got {type(source).__name__}")
        return _creation.tensor(source, dtype=_types.get_default_dtype())
    return _creation.empty(*arguments)


_native.set_hooks(
    size=partial(tuple.__new__, Size),  # whose lengths are integers
    construct=_construct,
    getitem=_indexing.getitem,
    setitem=_indexing.setitem,
    represent=_printing.represent,
)


def _convert(self: Tensor, kind: dtype | None, copy: bool = False) -> Tensor:
    if kind is None or kind is self.dtype:
        return self.clone() if copy else self
    return _to(self, dtype=kind)


def to(self: Tensor, *args, dtype=None, device=None, non_blocking=False, copy=False, **keywords):
    """The tensor in another element type, as `other` is, or on a device (the processor)."""
    keywords.pop("memory_format", None)
    if keywords:
        raise TypeError(f"to: unexpected arguments {sorted(keywords)}")
    for given in args:
        if isinstance(given, _types.dtype) or given in _PYTHON_TYPES:
            dtype = given
        elif isinstance(given, Tensor):
            dtype = given.dtype
        elif isinstance(given, bool):
            continue  # non_blocking and copy by position
        else:
            device = given
    check_device(device)
    return _convert(self, dtype, copy)


_PYTHON_TYPES = (float, int, bool)


def type_(self: Tensor, dtype=None, non_blocking=False):
    """The name of the tensor's type, or the tensor in another."""
    if dtype is None:
        return f"betty.{_TYPE_NAMES[self.dtype]}"
    if isinstance(dtype, _extras._TensorType):
        dtype = dtype.dtype
    if isinstance(dtype, str):
        names = {name: kind for kind, name in _TYPE_NAMES.items()}
        short = dtype.removeprefix("betty.").removeprefix("torch.")
        if short.startswith("cuda."):
            refuse_device("cuda")
        if short not in names:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = names[short]
    if getattr(dtype, "__module__", None) == "betty.cuda":
        refuse_device("cuda")
    return _convert(self, dtype)


_TYPE_NAMES = {
    _types.float64: "DoubleTensor",
    _types.float32: "FloatTensor",
    _types.float16: "HalfTensor",
    _types.bfloat16: "BFloat16Tensor",
    _types.int64: "LongTensor",
    _types.int32: "IntTensor",
    _types.uint8: "ByteTensor",
    _types.bool: "BoolTensor",
}


def _converter(kind: dtype):
    def convert(self: Tensor) -> Tensor:
        return _convert(self, kind)

    return convert


def cpu(self: Tensor) -> Tensor:
    return self


def cuda(self: Tensor, device=None, non_blocking=False) -> Tensor:
    refuse_device("cuda" if device is None else str(device))


def numpy(self: Tensor, *, force: bool = False) -> Any:
    """An array on the tensor's memory; a copy only where others read that memory too.

    Others are another tensor with the same elements (`detach()` gives one), a recording that still
    needs them, and memory that may not be written to. So `w.detach().numpy()[0] = 5` leaves `w` as
    it is, unlike in PyTorch; `w.data[0] = 5` changes it.

    Args:
        force: Also of a tensor that requires grad.

    Returns:
        The array, which may be written to.

    Raises:
        RuntimeError: The tensor requires grad.
        TypeError: It is of bfloat16, which NumPy has not.

    Example:
        >>> import betty
        >>> x = betty.tensor([1.0, 2.0])
        >>> x.numpy()[0] = 5
        >>> x
        tensor([5., 2.])
        >>> x.detach().numpy()[0] = 6
        >>> x
        tensor([5., 2.])
    """
    import numpy

    if self.requires_grad and not force:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if self.dtype is _types.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    array = numpy.asarray(memoryview(self))
    return array if array.flags.writeable else array.copy()


def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    array = self.numpy()
    return array.copy() if copy else array if dtype is None else array.astype(dtype, copy=False)


def tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers."""
    plain = self.detach()
    if self.dtype in (_types.bfloat16, _types.float16):
        plain = plain.to(_types.float32)
    return plain.numpy().tolist()


# ---- what a tensor is --------------------------------------------------------------------------


def size(self: Tensor, dim: int | None = None):
    return self.shape if dim is None else self.shape[_axis(self, dim)]


def _axis(self: Tensor, dim: int) -> int:
    rank = max(self.ndim, 1)
    if not -rank <= dim < rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], "
            f"but got {dim})"
        )
    return dim % rank


def stride(self: Tensor, dim: int | None = None):
    """Of a contiguous tensor of this shape."""
    strides, step = [], 1
    for length in reversed(self.shape):
        strides.append(step)
        step *= max(length, 1)
    strides.reverse()
    return tuple(strides) if dim is None else strides[_axis(self, dim)]


class _History:
    """What PyTorch calls grad_fn, as far as a name goes."""

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def name(self) -> str:
        words = self._operation.split("_")
        return "".join(word[:1].upper() + word[1:] for word in words) + "Backward0"

    def __repr__(self) -> str:
        return f"<{self.name()}>"


def _grad_fn(self: Tensor) -> _History | None:
    if self.is_leaf or not self.requires_grad:
        return None
    return _History(self._operation)


def _transposed(self: Tensor) -> Tensor:
    if self.ndim not in (1, 2):
        warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated. Consider `x.mT` to transpose batches of matrices or `x.permute(...)`."
        )
    return self.permute(tuple(range(self.ndim - 1, -1, -1)))


def _matrices_transposed(self: Tensor) -> Tensor:
    if self.ndim == 0:
        return self
    if self.ndim < 2:
        raise RuntimeError(f"mT: takes 2 dimensions at least, got {self.ndim}")
    return F.transpose(self, -2, -1)


def _matrix_transposed(self: Tensor) -> Tensor:
    if self.ndim not in (0, 2):
        raise RuntimeError(f"H: takes a matrix, got {self.ndim} dimensions")
    return F.transpose(self, 0, 1) if self.ndim else self


def _new(function: Any):
    def make(self: Tensor, *arguments: Any, dtype=None, **keywords: Any) -> Tensor:
        return function(*arguments, dtype=dtype or self.dtype, **keywords)

    return make


# ---- attaching ---------------------------------------------------------------------------------

# Functions of torch.nn.functional, and helpers, that are no methods.
_NO_METHODS = {
    "cat", "stack", "meshgrid", "where", "linear", "pad", "one_hot", "einsum",
    "gelu", "silu", "elu", "selu", "celu", "leaky_relu", "relu6", "softplus", "softsign", "mish",
    "hardtanh", "hardsigmoid", "hardswish", "tanhshrink", "threshold", "logsigmoid", "normalize",
    "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "dropout", "pow_number",
    "embedding", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d",
    "sgd_update", "adam_update", "layer_norm", "cosine_similarity", "mT", "numpy_T", "to", "slice",
    "batch_norm_inference", "batch_norm_training", "instance_norm_training", "group_norm",
    "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "interpolate", "unfold",
    "fold", "pixel_shuffle", "pixel_unshuffle",
    "full", "zeros", "ones", "arange", "linspace", "eye", "rand", "randn", "randint", "randperm",
}  # fmt: skip

_OWN = {
    "to": to,
    "type": type_,
    "cpu": cpu,
    "cuda": cuda,
    "numpy": numpy,
    "tolist": tolist,
    "size": size,
    "stride": stride,
    "requires_grad_": _inplace.requires_grad_,
    "copy_": _inplace.copy_,
    "detach_": _inplace.detach_,
    "fill_": _inplace.fill_,
    "zero_": _inplace.zero_,
    "normal_": _inplace.normal_,
    "uniform_": _inplace.uniform_,
    "bernoulli_": _inplace.bernoulli_,
    "random_": _inplace.random_,
    "exponential_": _inplace.exponential_,
    "log_normal_": _inplace.log_normal_,
    "cauchy_": _inplace.cauchy_,
    "geometric_": _inplace.geometric_,
    "fill_diagonal_": _inplace.fill_diagonal_,
    "index_put": _inplace.index_put,
    "index_put_": _inplace.index_put_,
    "polygamma": lambda self, n: F.polygamma(self, n),
    "unfold": F.sliding,
    "is_nonzero": lambda self: bool(self),
    "storage_offset": lambda self: 0,
    "bernoulli": _creation.bernoulli,
    "dim": lambda self: self.ndim,
    "ndimension": lambda self: self.ndim,
    "nelement": lambda self: self.numel(),
    "element_size": lambda self: self.dtype.itemsize,
    "is_contiguous": lambda self, memory_format=None: True,
    "contiguous": lambda self, memory_format=None: F.contiguous(self),
    "where": lambda self, condition, other: F.where(condition, self, other),
    "pin_memory": lambda self, device=None: self,
    "new_tensor": _new(_creation.tensor),
    "new_zeros": _new(_creation.zeros),
    "new_ones": _new(_creation.ones),
    "new_empty": _new(_creation.empty),
    "new_full": _new(_creation.full),
    "__array__": __array__,
    "__array_priority__": 1000,
    "__iter__": _views.iterate,
    "__reversed__": _views.backwards,
    "__contains__": _protocols.contains,
    "__format__": _protocols.formatted,
    "__reduce_ex__": _protocols.reduced,
    "__deepcopy__": _protocols.deepcopied,
    "__module__": "betty",
}

_PROPERTIES = {
    "T": _transposed,
    "mT": _matrices_transposed,
    "H": _matrix_transposed,
    "device": lambda self: _types.CPU,
    "layout": lambda self: _types.strided,
    "grad_fn": _grad_fn,
    "mH": _matrices_transposed,
    "real": lambda self: self,
    "is_cpu": lambda self: True,
    "itemsize": lambda self: self.dtype.itemsize,
    "nbytes": lambda self: self.numel() * self.dtype.itemsize,
    "output_nr": lambda self: 0,
}

_CONVERSIONS = {
    "double": _types.float64,
    "float": _types.float32,
    "half": _types.float16,
    "bfloat16": _types.bfloat16,
    "long": _types.int64,
    "int": _types.int32,
    "byte": _types.uint8,
    "bool": _types.bool,
}


def _attach() -> None:
    for name in F.__all__:
        if name not in _NO_METHODS | FREE and not name.endswith("_like"):
            setattr(Tensor, name, getattr(F, name))
    for part in (_derived, _factors, _ordering, _views, _extras, _windows, _strict):
        for name, function in part.FUNCTIONS.items():
            setattr(Tensor, name, function)
    for name, first in _derived.ALIASES.items():
        if first not in _NO_METHODS | FREE:
            setattr(Tensor, name, getattr(F, first))
    for name in FROM_OVERLOADS:
        setattr(Tensor, name, getattr(_overloads, name))
    for name, kind in _CONVERSIONS.items():
        setattr(Tensor, name, _converter(kind))
    for methods in (_OWN, _extras.METHODS, _protocols.METHODS, _strict.METHODS):
        for name, value in methods.items():
            setattr(Tensor, name, value)
    for name in FALSE:
        setattr(Tensor, name, property(lambda self: False))
    for name, read in _PROPERTIES.items():
        setattr(Tensor, name, property(read))
    for name in IN_PLACE:
        setattr(Tensor, f"{name}_", _inplace.in_place(getattr(Tensor, name)))
    for name in _extras.RESHAPING:
        setattr(Tensor, f"{name}_", _extras._reshaping(name))


_attach()
