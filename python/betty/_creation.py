"""Making tensors: from values, from memory of others, from numbers of their own.

Invariant: `tensor` copies; `as_tensor`, `from_numpy`, `frombuffer` and `from_dlpack` share memory
where type and layout allow it.
"""

from __future__ import annotations

import array
import warnings
from typing import Any

from betty import _functions as F
from betty import _native, _types
from betty._checks import (
    check_deviation,
    check_draws,
    check_integer,
    check_probability,
    check_range,
    check_tensor,
)
from betty._checks import lengths as _size
from betty._lists import from_lists, is_sequence, listed
from betty._native import Tensor, dtype, operation
from betty._process import drawing
from betty._types import check_device
from betty._warnings import warn

_full, _arange, _linspace = operation("full"), operation("arange"), operation("linspace")
_rand, _randn, _randint = operation("rand"), operation("randn"), operation("randint")
_randperm, _eye = operation("randperm"), operation("eye")
_bernoulli = operation("bernoulli")


def _finish(x: Tensor, dtype: Any, requires_grad: bool, out: Tensor | None = None) -> Tensor:
    if out is not None:
        return F._stored(out, x)
    if dtype is not None and x.dtype is not dtype:
        if not isinstance(dtype, _types.dtype) and dtype not in (float, int, bool):
            raise TypeError(f"tensor: dtype must be a dtype, not {type(dtype).__name__}")
        x = x.to(dtype)
    if requires_grad:
        x.requires_grad = True
    return x


def _is_array(data: Any) -> bool:
    """Whether it is a NumPy array with dimensions."""
    return type(data).__module__ == "numpy" and getattr(data, "ndim", 0) > 0


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False) -> Tensor:
    """A tensor with a copy of `data`: a number, nested lists or other sequences, an array."""
    check_device(device)
    if isinstance(data, Tensor):
        warnings.warn(
            "to copy a tensor, x.clone().detach() says it better than tensor(x)",
            UserWarning,
            stacklevel=2,
        )
        return _finish(data.detach().clone(), dtype, requires_grad)
    data = listed(data)
    if isinstance(data, (list, tuple)) and data and _is_array(data[0]):
        warn(
            "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
            "converting the list to a single numpy.ndarray with numpy.array() before."
        )
    if isinstance(data, (bool, int, float)):
        check_integer(data)
        check_range("tensor", data, dtype)
        made = _native.from_scalar(data)
        if type(data) is float and dtype is None:
            dtype = _types.get_default_dtype()
        return _finish(made, dtype, requires_grad)
    if isinstance(data, (list, tuple)):
        return _finish(from_lists(data, dtype), dtype, requires_grad)
    return _finish(_from_array(data, copy=True, dtype=dtype), dtype, requires_grad)


def _from_array(data: Any, copy: bool, dtype: Any = None) -> Tensor:
    """A tensor of anything that shows its memory."""
    import numpy

    if isinstance(data, numpy.generic):
        if copy:
            check_range("tensor", data.item(), dtype)
        return _native.from_buffer(numpy.array(data))
    if isinstance(data, numpy.ndarray):
        return _native.from_buffer(data.copy() if copy else data)
    if hasattr(data, "__dlpack__"):
        shared = from_dlpack(data.detach() if hasattr(data, "detach") else data)
        return (
            _native.from_buffer(shared.numpy().copy()) if copy and _has_buffer(shared) else shared
        )
    if any(hasattr(data, name) for name in ("__array__", "__array_interface__")):
        array = numpy.array(data) if copy else numpy.asarray(data)
        return _native.from_buffer(array)
    try:
        view = memoryview(data)
    except TypeError:
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}") from None
    return _native.from_buffer(numpy.array(view) if copy else view)


def _has_buffer(x: Tensor) -> bool:
    return x.dtype is not _types.bfloat16


def as_tensor(data, dtype=None, device=None) -> Tensor:
    """`data` as a tensor, without a copy where that can be."""
    check_device(device)
    if isinstance(data, Tensor):
        return _finish(data, dtype, False)
    if isinstance(data, (bool, int, float, str, bytes)) or is_sequence(data):
        return tensor(data, dtype=dtype)
    return _finish(_from_array(data, copy=False), dtype, False)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False) -> Tensor:
    """`obj` as a tensor; `copy` says whether memory is shared, None shares it where that can be."""
    shows = isinstance(obj, (array.array, bytes, bytearray, memoryview))
    made = as_tensor(_from_array(obj, copy=False) if shows else obj, dtype, device)
    if copy and not (isinstance(obj, (bool, int, float)) or is_sequence(obj)):
        made = made.detach().clone()
    return _finish(made, None, requires_grad)


def from_numpy(ndarray) -> Tensor:
    """A tensor on the memory of an array. Arrays that are not contiguous are copied.

    What is written to the array shows in the tensor, and in what was recorded of it and is not
    computed yet, until the tensor is changed in place: once that is computed it has memory of its
    own, and the array keeps what it had.

    Args:
        ndarray: An array of numbers.

    Returns:
        The tensor.

    Raises:
        TypeError: It is no array, or one of elements that no tensor has.

    Example:
        >>> import betty
        >>> import numpy as np
        >>> a = np.zeros(2, np.float32)
        >>> x = betty.from_numpy(a)
        >>> a[0] = 1
        >>> x.add_(1)
        tensor([2., 1.])
        >>> print(a)
        [1. 0.]
    """
    import numpy

    if not isinstance(ndarray, numpy.ndarray):
        name = type(ndarray).__name__
        raise TypeError(f"expected np.ndarray (got {name})")
    if not ndarray.flags.writeable:
        warn(
            "The given NumPy array is not writable. The tensor lies on it until it is changed in "
            "place; you may want to copy the array, or to make it writable."
        )
    return _native.from_buffer(ndarray)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False) -> Tensor:
    """A flat tensor on the memory of an object with a buffer."""
    import numpy

    array = numpy.frombuffer(buffer, str(dtype)[6:], count, offset)
    return _finish(_native.from_buffer(array), dtype, requires_grad)


def from_dlpack(ext_tensor) -> Tensor:
    """A tensor on the memory of another library's, or of a DLPack capsule."""
    if isinstance(ext_tensor, Tensor):
        return ext_tensor
    if not hasattr(ext_tensor, "__dlpack__"):
        return _native.from_dlpack(ext_tensor)
    kind, number = ext_tensor.__dlpack_device__()
    if kind != 1:
        raise RuntimeError(f"from_dlpack: device ({int(kind)}, {number}) is not the processor")
    try:
        capsule = ext_tensor.__dlpack__(max_version=(1, 0))
    except TypeError:
        capsule = ext_tensor.__dlpack__()
    return _native.from_dlpack(capsule)


def _filled(size, value, dtype, device, requires_grad, out=None) -> Tensor:
    check_device(device)
    if out is not None:
        return F._stored(out, _full(value, size=size, dtype=_wanted(dtype, out)))
    kind = _types.get_default_dtype() if dtype is None else dtype
    made = _full(value, size=size, dtype=kind)
    if requires_grad:
        made.requires_grad = True
    return made


def zeros(
    *sizes, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False, memory_format=None, names=None,
) -> Tensor:  # fmt: skip
    """A tensor of zeros."""
    return _filled(_size("zeros", sizes, size), 0, dtype, device, requires_grad, out)


def ones(
    *sizes, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False, memory_format=None, names=None,
) -> Tensor:  # fmt: skip
    """A tensor of ones."""
    return _filled(_size("ones", sizes, size), 1, dtype, device, requires_grad, out)


def empty(
    *sizes, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False, memory_format=None, names=None,
) -> Tensor:  # fmt: skip
    """A tensor whose values do not matter: zeros."""
    return _filled(_size("empty", sizes, size), 0, dtype, device, requires_grad, out)


def full(
    size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False
) -> Tensor:
    """A tensor of one value, whose type decides the tensor's unless `dtype` does."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    if dtype is None:
        dtype = _kind(fill_value)
    check_range("full", fill_value, dtype)
    return _filled(_size("full", (size,)), fill_value, dtype, device, requires_grad, out)


def _wanted(dtype: Any, out: Tensor | None, usual: Any = None) -> dtype:
    """The element type asked for, that of `out`, or the usual one."""
    if out is not None:
        check_tensor("out", "what is written to", out)
        dtype = dtype or out.dtype
    return dtype or usual or _types.get_default_dtype()


def _kind(value: Any) -> dtype:
    if isinstance(value, bool):
        return _types.bool
    return _types.int64 if isinstance(value, int) else _types.get_default_dtype()


def _like(input: Tensor, value, dtype, device, requires_grad) -> Tensor:
    return _filled(input.shape, value, dtype or input.dtype, device, requires_grad)


def zeros_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None
) -> Tensor:
    return _like(input, 0, dtype, device, requires_grad)


def ones_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None
) -> Tensor:
    return _like(input, 1, dtype, device, requires_grad)


def empty_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None
) -> Tensor:
    return _like(input, 0, dtype, device, requires_grad)


def full_like(
    input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False,
    memory_format=None,
) -> Tensor:  # fmt: skip
    return _like(input, fill_value, dtype, device, requires_grad)


def eye(
    n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False
) -> Tensor:
    """A matrix with ones on its diagonal."""
    check_device(device)
    made = _eye(n=n, m=n if m is None else m, dtype=_wanted(dtype, out))
    return _finish(made, None, requires_grad, out)


def arange(
    start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None,
    requires_grad=False,
) -> Tensor:  # fmt: skip
    """start, start + step, ... before end."""
    check_device(device)
    if end is None:
        start, end = 0, start
    bounds = [x.item() if hasattr(x, "item") else x for x in (start, end, step)]
    whole = all(isinstance(x, int) for x in bounds)
    kind = _wanted(dtype, out, _types.int64 if whole else None)
    made = _arange(start=bounds[0], end=bounds[1], step=bounds[2], dtype=kind)
    return _finish(made, None, requires_grad, out)


def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False
) -> Tensor:
    """`steps` values from start to end, both included."""
    check_device(device)
    made = _linspace(start=float(start), end=float(end), steps=steps, dtype=_wanted(dtype, out))
    return _finish(made, None, requires_grad, out)


def _draw(call: Any, size, dtype, device, requires_grad, generator, out=None) -> Tensor:
    check_device(device)
    with drawing(generator):
        made = call(size=size, dtype=_wanted(dtype, out))
    return _finish(made, None, requires_grad, out)


def rand(
    *sizes, size=None, generator=None, out=None, dtype=None, layout=None, device=None,
    requires_grad=False, pin_memory=False,
) -> Tensor:  # fmt: skip
    """Uniform random numbers in [0, 1)."""
    return _draw(_rand, _size("rand", sizes, size), dtype, device, requires_grad, generator, out)


def randn(
    *sizes, size=None, generator=None, out=None, dtype=None, layout=None, device=None,
    requires_grad=False, pin_memory=False,
) -> Tensor:  # fmt: skip
    """Normal random numbers with mean 0 and deviation 1."""
    return _draw(_randn, _size("randn", sizes, size), dtype, device, requires_grad, generator, out)


def rand_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, generator=None
) -> Tensor:
    return _draw(_rand, input.shape, dtype or input.dtype, device, requires_grad, generator)


def randn_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, generator=None
) -> Tensor:
    return _draw(_randn, input.shape, dtype or input.dtype, device, requires_grad, generator)


def randint(
    low=0, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None,
    requires_grad=False, pin_memory=False,
) -> Tensor:  # fmt: skip
    """Random integers of [low, high), or of [0, low)."""
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    check_device(device)
    kind = _wanted(dtype, out, _types.int64)
    check_draws("randint", low, high, kind)
    with drawing(generator):
        made = _randint(low=low, high=high, size=_size("randint", (size,)), dtype=kind)
    return _finish(made, None, requires_grad, out)


def randperm(
    n, *, generator=None, out=None, dtype=None, device=None, requires_grad=False
) -> Tensor:
    """The integers below n in random order."""
    check_device(device)
    with drawing(generator):
        return _finish(_randperm(n=n), dtype, requires_grad, out)


def normal(mean=0.0, std=1.0, size=None, *, generator=None, dtype=None, out=None) -> Tensor:
    """Normal random numbers with the means and deviations given."""
    check_deviation("normal", std)
    if size is not None:
        shape = _size("normal", (size,))
    else:
        from betty._overloads import broadcast_shapes

        shape = broadcast_shapes(*(x.shape for x in (mean, std) if isinstance(x, Tensor)))
    return _finish(randn(*shape, dtype=dtype, generator=generator) * std + mean, None, False, out)


def bernoulli(input: Tensor, p: float | None = None, *, generator=None, out=None) -> Tensor:
    """1 with the probability that `input` (or p) says, else 0."""
    if p is not None:
        check_probability("bernoulli", p)
    with drawing(generator):
        return _finish(_bernoulli(input if p is None else full_like(input, p)), None, False, out)
