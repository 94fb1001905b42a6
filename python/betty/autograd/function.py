"""Functions with a derivative of one's own, under PyTorch's name `autograd.Function`.

A derivative here is a recorded graph, so that hypergradients can be taken of it: Python is not
asked when gradients are. `backward` is therefore recorded once, for a symbolic gradient g. It gives
Jᵀg; differentiated by g along x - stop(x) it gives J (x - stop(x)), which is zero and has the
derivative J. That is added to what `forward` gave.

Invariants: `backward` must be linear in its gradients (checked at a class's first use). Its saved
tensors are those of `forward` at (x + stop(x)) / 2, which has the value of x and half its slope:
with the midpoint, second derivatives of that sum are J' too and not twice J'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty import _native
from betty._native import Tensor, operation

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors, and any attribute."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Any, ...] = ()
        self._constant: set[int] = set()

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """An old name of ``saved_tensors``."""
        return self.saved_tensors

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (or None) for ``backward``."""
        for place, kept in enumerate(tensors):
            if kept is not None and not isinstance(kept, Tensor):
                raise TypeError(
                    "save_for_backward can only save variables, but argument "
                    f"{place} is of type {type(kept).__name__}"
                )
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted: forward mode is derived from ``backward``."""

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Says which outputs pass no gradient."""
        self._constant.update(map(id, tensors))

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Refused: a function gives new tensors here.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("autograd.Function: changing an input in place is not supported")

    def set_materialize_grads(self, value: bool) -> None:
        """Accepted: gradients given to ``backward`` are always tensors."""


class Function:
    """Base of functions whose derivative a program defines.

    A subclass has static methods ``forward(ctx, *inputs)``, or ``forward(*inputs)`` with
    ``setup_context(ctx, inputs, output)``, and ``backward(ctx, *gradients)``, which returns one
    gradient an input, None for what needs none. It is used as ``Subclass.apply(*inputs)``.

    ``backward`` is called when the function is, with a gradient that stands for any; it must be
    linear in it. Derivatives are exact up to the second.

    Raises:
        NotImplementedError: ``backward`` is not linear in its gradients.
        RuntimeError: ``backward`` returned another number of gradients than there are inputs, or
            one of a shape that no gradient of its input has.

    Example:
        >>> import betty
        >>> class Round(betty.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x.round()
        ...     @staticmethod
        ...     def backward(ctx, gradient):
        ...         return gradient
        >>> x = betty.tensor([0.4, 1.7], requires_grad=True)
        >>> Round.apply(x)
        tensor([0., 2.], grad_fn=<AddBackward0>)
        >>> betty.autograd.grad(Round.apply(x).sum(), x)
        (tensor([1., 1.]),)
    """

    #: Names of subclasses whose backward was seen to be linear.
    _is_checked = False

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the function computes."""
        raise NotImplementedError("You must define the forward function for autograd.Function")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keeps in ``ctx`` what ``backward`` needs; only where ``forward`` takes no ``ctx``."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Gradients of the inputs from those of the outputs."""
        raise NotImplementedError("You must define backward for a custom autograd.Function")

    vjp = backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Calls the function on tensors and other values."""
        needs = tuple(_needs(x) and _native.grad_mode_get() for x in args)
        ctx = FunctionCtx(needs)
        if not any(needs):
            with _Mode(False):
                return cls._evaluate(ctx, args, kwargs)
        stopped = [x.detach() if need else x for x, need in zip(args, needs, strict=True)]
        middle = [
            (x + fixed) * 0.5 if need else x
            for x, fixed, need in zip(args, stopped, needs, strict=True)
        ]
        output = cls._evaluate(ctx, tuple(middle), kwargs)
        single = not isinstance(output, (tuple, list))
        outputs = [output] if single else list(output)
        shifts = [x - y if need else None for x, y, need in zip(args, stopped, needs, strict=True)]
        joined = cls._joined(ctx, outputs, shifts)
        return joined[0] if single else tuple(joined)

    @classmethod
    def _evaluate(cls, ctx: FunctionCtx, args: tuple, kwargs: dict[str, Any]) -> Any:
        if cls.setup_context is Function.setup_context:
            return cls.forward(ctx, *args, **kwargs)
        output = cls.forward(*args, **kwargs)
        cls.setup_context(ctx, args, output)
        return output

    @classmethod
    def _gradients(cls, ctx: FunctionCtx, cotangents: list[Any], shifts: list[Any]) -> list[Any]:
        """What backward returns, one an input."""
        count = len(shifts)
        own = cls.backward is not Function.backward
        found = (cls.backward if own else cls.vjp)(ctx, *cotangents)
        given = list(found) if isinstance(found, (tuple, list)) else [found]
        while len(given) > count and given[-1] is None:
            given.pop()
        if len(given) != count:
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an incorrect number of gradients "
                f"(expected {count}, got {len(given)})"
            )
        for place, (found, shift) in enumerate(zip(given, shifts, strict=True)):
            if found is not None and not isinstance(found, Tensor):
                kind = type(found).__name__
                raise RuntimeError(f"{cls.__name__}Backward: expected Tensor or None, got {kind}")
            if found is not None and not (shift is None or _is_gradient(found, shift)):
                raise RuntimeError(
                    f"Function {cls.__name__}Backward returned an invalid gradient at index "
                    f"{place} - got {list(found.shape)} but expected shape compatible with "
                    f"{list(shift.shape)}"
                )
        return given

    @classmethod
    def _joined(cls, ctx: FunctionCtx, outputs: list[Any], shifts: list[Any]) -> list[Any]:
        """The outputs with J (x - stop(x)) added."""
        flowing = [_is_real(y) and id(y) not in ctx._constant for y in outputs]
        fixed = [y.detach() if isinstance(y, Tensor) else y for y in outputs]
        zeros = operation("zeros_like")
        symbols = [zeros(y) if isinstance(y, Tensor) else None for y in fixed]
        for symbol, flows in zip(symbols, flowing, strict=True):
            if flows:
                symbol.requires_grad = True
        if not cls.__dict__.get("_is_checked"):
            cls._check(ctx, symbols, shifts)
        pulled = cls._gradients(ctx, symbols, shifts)
        pairs = [
            (b, shift)
            for b, shift in zip(pulled, shifts, strict=True)
            if shift is not None and isinstance(b, Tensor) and b.requires_grad
        ]
        sources = tuple(s for s, flows in zip(symbols, flowing, strict=True) if flows)
        if not pairs:  # they have a history, but no input is in it
            return [
                y + s if flows else y for y, s, flows in zip(fixed, symbols, flowing, strict=True)
            ]
        if not sources:
            return fixed
        along = tuple(shift.expand(b.shape).to(b.dtype) for b, shift in pairs)
        tangents = iter(_native.grad(tuple(b for b, _ in pairs), along, sources, True, True, True))
        return [
            _plus(y, next(tangents)) if flows else y
            for y, flows in zip(fixed, flowing, strict=True)
        ]

    @classmethod
    def _check(cls, ctx: FunctionCtx, symbols: list[Any], shifts: list[Any]) -> None:
        """Refuses a backward that is not linear: B(u + 1000 v) = B(u) + 1000 B(v)."""
        randn = operation("randn")
        with _Mode(False):
            draws = _native.random_state()
            us, vs = (
                [s if s is None else randn(size=tuple(s.shape)).to(s.dtype) for s in symbols]
                for _ in range(2)
            )
            _native.restore_random(*draws)
            both = [u if u is None else u + 1000 * v for u, v in zip(us, vs, strict=True)]
            found = [cls._gradients(ctx, given, shifts) for given in (us, vs, both)]
            for left, right, total in zip(*found, strict=True):
                if isinstance(total, Tensor) and not _agrees(left, right, total):
                    raise NotImplementedError(
                        f"{cls.__name__}.backward is not linear in its gradients; change gradients "
                        "with Tensor.register_hook instead"
                    )
        cls._is_checked = True


def _agrees(left: Tensor, right: Tensor, total: Tensor) -> bool:
    """Whether total is left + 1000 right, up to rounding; what is not finite tells nothing."""
    gap, size = (total - (left + 1000 * right)).abs(), total.abs().amax() if total.numel() else 0
    bound = 0.05 if total.dtype.itemsize == 2 else 1e-3
    wrong = (gap > bound * (size + right.abs() * 1000)).logical_and(total.isfinite())
    return not bool(wrong.any())


def _is_gradient(found: Tensor, x: Tensor) -> bool:
    """Whether it has the shape of x, or one that x broadcasts to: then it is summed."""
    pairs = zip(reversed(found.shape), reversed(x.shape), strict=False)
    return found.ndim >= x.ndim and all(own in (1, length) for length, own in pairs)


def _plus(y: Tensor, tangent: Tensor | None) -> Tensor:
    return y if tangent is None else y + tangent.to(y.dtype)


def _is_real(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype.is_floating_point


def _needs(x: Any) -> bool:
    return _is_real(x) and x.requires_grad


class _Mode:
    """A grad mode for a while."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled

    def __enter__(self) -> None:
        self._before = _native.grad_mode_set(self._enabled)

    def __exit__(self, *exception: object) -> None:
        _native.grad_mode_set(self._before)


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a backward that is not to be differentiated again; here it may be."""
    return function
