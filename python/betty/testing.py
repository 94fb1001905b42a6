"""Comparison of values in tests, under the names of `torch.testing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from betty import _creation, _types
from betty import _functions as F
from betty._native import Tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

# PyTorch's tolerances (relative, absolute) by element type.
_TOLERANCES = {
    _types.float16: (1e-3, 1e-5),
    _types.bfloat16: (1.6e-2, 1e-5),
    _types.float32: (1.3e-6, 1e-5),
    _types.float64: (1e-7, 1e-7),
}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises unless tensors, numbers, or nested lists and dicts of them are close.

    Args:
        actual: What a program gave.
        expected: What it should give.
        allow_subclasses: Whether two subclasses of Tensor may be compared.
        rtol: Relative tolerance; by default that of the element type. Goes with ``atol``.
        atol: Absolute tolerance.
        equal_nan: Whether NaN equals NaN.
        check_device: Accepted for migration.
        check_dtype: Whether element types must be equal.
        check_layout: Accepted for migration.
        check_stride: Accepted for migration.
        msg: A message, or a function of the message.

    Raises:
        AssertionError: They are not close.
        ValueError: Only one of the tolerances is given.

    Example:
        >>> import betty
        >>> betty.testing.assert_close(betty.tensor([1.0, 2.0]) / 3 * 3, betty.tensor([1.0, 2.0]))
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            "rtol and atol must both be specified or both be unspecified, but got "
            f"rtol={rtol} and atol={atol} instead"
        )
    problem = _difference(actual, expected, rtol, atol, equal_nan, check_dtype, "")
    if problem is not None:
        raise AssertionError(msg(problem) if callable(msg) else msg or problem)


def _difference(
    a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, check_dtype: bool, place: str
) -> str | None:
    rest = (rtol, atol, equal_nan, check_dtype)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            return f"The keys of the mappings do not match:{place} {set(a) ^ set(b)}"
        pairs = [(a[key], b[key], f"{place}[{key!r}]") for key in a]
    elif _is_sequence(a) and _is_sequence(b):
        if len(a) != len(b):
            return f"The length of the sequences mismatch: {len(a)} != {len(b)}{place}"
        pairs = [(x, y, f"{place}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True))]
    else:
        return _tensor_difference(a, b, *rest, place)
    for x, y, here in pairs:
        problem = _difference(x, y, *rest, here)
        if problem is not None:
            return problem
    return None


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _tensor_difference(
    a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, check_dtype: bool, place: str
) -> str | None:
    if a is None and b is None:
        return None
    try:
        x, y = (v if isinstance(v, Tensor) else _creation.as_tensor(v) for v in (a, b))
    except (RuntimeError, TypeError, ValueError):
        return None if a == b else f"{a!r} != {b!r}{place}"
    where = f" at {place}" if place else ""
    if x.shape != y.shape:
        return f"The values for attribute 'shape' do not match: {x.shape} != {y.shape}{where}."
    if check_dtype and x.dtype is not y.dtype and isinstance(a, Tensor) and isinstance(b, Tensor):
        return f"The values for attribute 'dtype' do not match: {x.dtype} != {y.dtype}{where}."
    bounds = [_TOLERANCES.get(v.dtype, (0.0, 0.0)) for v in (x, y)]
    relative = max(bound[0] for bound in bounds) if rtol is None else rtol
    absolute = max(bound[1] for bound in bounds) if atol is None else atol
    x, y = x.detach().double(), y.detach().double()
    close = F.isclose(x, y, relative, absolute, equal_nan)
    if bool(close.all()):
        return None
    wrong, total = int((~close).sum()), max(x.numel(), 1)
    gap = F.where(close, 0.0, (x - y).abs())
    return (
        f"Tensor-likes are not close! Mismatched elements: {wrong} / {total} "
        f"({100 * wrong / total:.1f}%), greatest absolute difference: {float(gap.amax()):.4g} "
        f"(up to {absolute:g} allowed), relative tolerance {relative:g}{where}"
    )


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """An old name of ``assert_close`` that does not look at types."""
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False,
        msg=msg or None,
    )  # fmt: skip


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Random values in [low, high): by default -9 ... 9 (0 ... 1 for bool, 0 ... 9 for uint8)."""
    sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if dtype.is_floating_point:
        below, above = (-9.0 if low is None else low), (9.0 if high is None else high)
        made = _creation.rand(*sizes) * (above - below) + below
    else:
        least = 0 if dtype in (_types.uint8, _types.bool) else -9
        most = 2 if dtype is _types.bool else 10
        below, above = (least if low is None else int(low)), (most if high is None else int(high))
        made = _creation.randint(below, above, tuple(sizes))
    if exclude_zero:
        made = F.where(made == 0, 1, made)
    made = made.to(dtype).detach()
    if requires_grad:
        made.requires_grad = True
    return made
