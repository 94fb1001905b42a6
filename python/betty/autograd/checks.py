"""Checks of derivatives against finite differences, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty import _native, _types
from betty._native import Tensor, operation

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A derivative that differs from the finite difference."""


def _outputs(func: Callable[..., Any], inputs: tuple) -> list[Tensor]:
    result = func(*inputs)
    given = result if isinstance(result, (tuple, list)) else (result,)
    return [y for y in given if isinstance(y, Tensor) and y.dtype.is_floating_point]


def _numeric(func: Callable[..., Any], inputs: tuple, place: int, eps: float) -> list[Any]:
    """Central differences of each output by one input: [n, m] arrays."""
    import numpy

    x = inputs[place].detach()
    flat = x.numpy().reshape(-1)
    columns: list[list[Any]] = []
    for index in range(flat.size):
        ends = []
        for step in (eps, -eps):
            moved = flat.copy()
            moved[index] += step
            fresh = _native.from_buffer(moved.reshape(x.shape))
            fresh.requires_grad = True
            changed = (*inputs[:place], fresh, *inputs[place + 1 :])
            ends.append([y.detach().numpy().reshape(-1).copy() for y in _outputs(func, changed)])
        columns.append([(up - down) / (2 * eps) for up, down in zip(*ends, strict=True)])
    return [numpy.stack(parts) for parts in zip(*columns, strict=True)]


def _analytic(func: Callable[..., Any], inputs: tuple, place: int) -> list[Any]:
    """Rows of Jacobians by one input, turned: [n, m] arrays."""
    import numpy

    found = []
    for y in _outputs(func, inputs):
        rows = []
        for index in range(y.numel()):
            unit = numpy.zeros(y.numel(), numpy.float64)
            unit[index] = 1
            vector = _native.from_buffer(unit.reshape(tuple(y.shape))).to(y.dtype)
            (g,) = (
                _native.grad((y,), (vector,), (inputs[place],), True, False, True)
                if y.requires_grad
                else (None,)
            )
            zero = operation("zeros_like")(inputs[place].detach())
            rows.append((zero if g is None else g).numpy().reshape(-1))
        found.append(numpy.stack(rows, 1) if rows else numpy.zeros((inputs[place].numel(), 0)))
    return found


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """Whether derivatives of a function agree with finite differences.

    Args:
        func: A function of tensors to tensors.
        inputs: Its arguments; those of type float64 that need gradients are checked.
        eps: The step of the differences.
        atol: Absolute tolerance.
        rtol: Relative tolerance.
        raise_exception: Whether a difference raises; else the result is False.
        **options: Accepted for migration.

    Raises:
        GradcheckError: A derivative differs.
        ValueError: No input needs a gradient.

    Example:
        >>> import betty
        >>> x = betty.tensor([0.3, 1.2], dtype=betty.float64, requires_grad=True)
        >>> betty.autograd.gradcheck(lambda x: x.sin() * x, (x,))
        True
    """
    import numpy

    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    places = [i for i, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them "
            "have requires_grad=True."
        )
    for place in places:
        pairs = zip(_numeric(func, given, place, eps), _analytic(func, given, place), strict=True)
        for number, (numeric, analytic) in enumerate(pairs):
            if not numpy.allclose(analytic, numeric, rtol, atol, equal_nan=True):
                if raise_exception:
                    gap = float(numpy.abs(analytic - numeric).max())
                    raise GradcheckError(
                        f"Jacobian mismatch for output {number} with respect to input {place}: "
                        f"largest difference {gap:.3g}"
                    )
                return False
    return True


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, **options: Any
) -> bool:
    """Whether second derivatives of a function agree with finite differences of its gradients."""
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    wanted = [x for x in given if isinstance(x, Tensor) and x.requires_grad]
    outputs = _outputs(func, given)
    if grad_outputs is None:
        vectors = []
        for y in outputs:
            vector = operation("randn")(size=tuple(y.shape), dtype=_types.float64).to(y.dtype)
            vector.requires_grad = True
            vectors.append(vector)
    else:
        vectors = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    count = len(given)

    def gradients(*arguments: Any) -> Any:
        made = _outputs(func, arguments[:count])
        sources = tuple(x for x in arguments[:count] if isinstance(x, Tensor) and x.requires_grad)
        found = _native.grad(tuple(made), tuple(arguments[count:]), sources, True, True, True)
        return tuple(g for g in found if g is not None)

    options.pop("gen_non_contig_grad_outputs", None)
    return gradcheck(gradients, (*given, *vectors), **options) if wanted else gradcheck(func, given)
