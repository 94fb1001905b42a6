"""Windows of signals, the numbers beside a number, and elements picked by strides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from betty import _creation, _native, _overloads, _quadrature, _types
from betty import _functions as F
from betty._native import Tensor
from betty._results import named

_split = named("frexp", "mantissa exponent")


# ---- windows -----------------------------------------------------------------------------------


def _places(name: str, window_length: int, periodic: bool, dtype: Any) -> tuple[Tensor, int, Any]:
    """0, 1, ... in float64, the length of a period, and the type of the result."""
    kind = dtype or _types.get_default_dtype()
    if not kind.is_floating_point:
        raise RuntimeError(f"{name}: expects floating point dtypes, got {kind}")
    if window_length < 0:
        raise RuntimeError(f"{name}: requires non-negative window_length, got {window_length}")
    places = _creation.arange(window_length, dtype=_types.float64)
    return places, (window_length if periodic else window_length - 1), kind


def _cosines(name: str, shares: Sequence[float], length: int, periodic: bool, options: Any):
    """The sum of shares[k] cos(2 pi k n / period), with signs in turn."""
    places, period, kind = _places(name, length, periodic, options.pop("dtype", None))
    if length == 1:
        window = places + 1
    else:
        parts = [
            (-1) ** k * share * F.cos(places * (2 * math.pi * k / max(period, 1)))
            for k, share in enumerate(shares)
        ]
        window = sum(parts[1:], parts[0])
    return _finished(window.to(kind), **options)


def _finished(
    window: Tensor, *, layout: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    _types.check_device(device)
    if requires_grad:
        window.requires_grad = True
    return window


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """(1 - cos(2 pi n / N)) / 2.

    Args:
        window_length: How many numbers.
        periodic: Whether N is the length, for Fourier transforms, or one less, for filters.
        **options: ``dtype``, ``device`` and ``requires_grad``.

    Example:
        >>> import betty
        >>> betty.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _cosines("hann_window", (0.5, 0.5), window_length, periodic, options)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    **options: Any,
) -> Tensor:
    """alpha - beta cos(2 pi n / N)."""
    return _cosines("hamming_window", (alpha, beta), window_length, periodic, options)


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """0.42 - cos(2 pi n / N) / 2 + 0.08 cos(4 pi n / N)."""
    return _cosines("blackman_window", (0.42, 0.5, 0.08), window_length, periodic, options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """A triangle from 0 to 1 and back."""
    places, period, kind = _places(
        "bartlett_window", window_length, periodic, options.pop("dtype", None)
    )
    window = 1 - F.abs(2 * places / max(period, 1) - 1) if window_length > 1 else places + 1
    return _finished(window.to(kind), **options)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any
) -> Tensor:
    """I0(beta sqrt(1 - (2 n / N - 1)²)) / I0(beta)."""
    places, period, kind = _places(
        "kaiser_window", window_length, periodic, options.pop("dtype", None)
    )
    if window_length <= 1:
        return _finished((places + 1).to(kind), **options)
    height = F.sqrt(F.clamp(1 - (2 * places / period - 1) ** 2, min=0.0))
    whole = _creation.tensor(float(beta), dtype=_types.float64)
    return _finished((_quadrature.i0(whole * height) / _quadrature.i0(whole)).to(kind), **options)


# ---- numbers -----------------------------------------------------------------------------------


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next number of the type towards another. Evaluates; it passes no gradient."""
    import numpy

    if not input.is_floating_point() or input.dtype is not other.dtype:
        raise NotImplementedError(
            f"nextafter: takes two tensors of one floating type, got {input.dtype} and "
            f"{other.dtype}"
        )
    if input.dtype is _types.bfloat16:
        raise NotImplementedError("nextafter: of bfloat16 there is none here")
    found = numpy.nextafter(_overloads.array_of(input), _overloads.array_of(other))
    return _native.from_buffer(numpy.ascontiguousarray(found)).reshape(found.shape)


def frexp(input: Tensor) -> Any:
    """Mantissas of size 0.5 ... 1 and exponents with mantissa 2^exponent = input.

    The exponents are read from the values.

    Example:
        >>> import betty
        >>> betty.frexp(betty.tensor([8.0, 0.75]))
        betty.return_types.frexp(
        mantissa=tensor([0.5000, 0.7500]),
        exponent=tensor([4, 0], dtype=betty.int32))
    """
    import numpy

    if not input.is_floating_point():
        raise RuntimeError(f"frexp: takes floating point tensors, got {input.dtype}")
    values = _overloads.array_of(input.detach().double())
    exponent = numpy.where(numpy.isfinite(values), numpy.frexp(values)[1], 0)
    # In two steps: of the smallest numbers 2^-exponent is none.
    half = exponent // 2
    scales = [numpy.ldexp(1.0, -half), numpy.ldexp(1.0, half - exponent)]
    first, second = (_constant(part, numpy.float64, input) for part in scales)
    mantissa = (input.double() * first * second).to(input.dtype)
    return _split(mantissa, _constant(exponent, numpy.int32, input))


def _constant(array: Any, kind: Any, like: Tensor) -> Tensor:
    import numpy

    return _native.from_buffer(numpy.ascontiguousarray(array, kind)).reshape(like.shape)


def as_strided(
    input: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """The elements at offset + index · stride of the tensor in row-major order: a copy.

    Raises:
        RuntimeError: Sizes and strides that do not fit each other, or lead outside.

    Example:
        >>> import betty
        >>> betty.as_strided(betty.arange(5), (3, 3), (1, 1))
        tensor([[0, 1, 2],
                [1, 2, 3],
                [2, 3, 4]])
    """
    sizes, steps, first = tuple(size), tuple(stride), storage_offset or 0
    if len(sizes) != len(steps) or min((*sizes, *steps, first, 0)) < 0:
        raise RuntimeError(
            f"as_strided: sizes and strides must be as many and not negative, got {list(sizes)}, "
            f"{list(steps)} and storage_offset={first}"
        )
    last = first + sum((n - 1) * step for n, step in zip(sizes, steps, strict=True))
    if math.prod(sizes) and last >= input.numel():
        raise RuntimeError(
            f"as_strided: sizes {list(sizes)}, strides {list(steps)} and storage_offset={first} "
            f"lead outside of {input.numel()} elements"
        )
    places = _creation.tensor(first)
    for axis, (n, step) in enumerate(zip(sizes, steps, strict=True)):
        line = _creation.arange(n) * step
        places = places + line.reshape((n, *(1 for _ in sizes[axis + 1 :])))
    return F.index_select(input.reshape(-1), 0, places.reshape(-1)).reshape(sizes)


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions."""
    from betty.special import multigammaln

    return multigammaln(input, p)


FUNCTIONS = {
    "i0": _quadrature.i0, "igamma": _quadrature.gammainc, "igammac": _quadrature.gammaincc,
    "as_strided": as_strided, "frexp": frexp, "mvlgamma": mvlgamma, "nextafter": nextafter,
}  # fmt: skip
FREE = {
    function.__name__: function
    for function in (
        bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window,
    )
}  # fmt: skip
