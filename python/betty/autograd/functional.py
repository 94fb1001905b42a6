"""Jacobians, Hessians and their products, under the names of `torch.autograd.functional`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty import _functions as F
from betty import _native
from betty._native import Tensor, operation

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _several(value: Any, name: str, what: str) -> tuple[tuple[Tensor, ...], bool]:
    is_tuple = isinstance(value, tuple)
    given = value if is_tuple else (value,)
    for place, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the "
                f"value at index {place} has type {type(x).__name__}."
            )
    return given, is_tuple


class _Call:
    """A function called on copies of its inputs, and what it gave."""

    def __init__(
        self, func: Callable[..., Any], inputs: Any, create_graph: bool, name: str,
        strict: bool = False,
    ) -> None:  # fmt: skip
        from betty.autograd import enable_grad

        given, self.takes_tuple = _several(inputs, name, "inputs")
        self.create_graph = create_graph
        if create_graph:
            self.inputs = tuple(x.view_as(x) if x.requires_grad else _leaf(x) for x in given)
        else:
            self.inputs = tuple(_leaf(x) for x in given)
        with enable_grad():
            result = func(*self.inputs)
        self.outputs, self.gives_tuple = _several(result, name, "outputs")
        for place, output in enumerate(self.outputs if strict else ()):
            self._check_depends(place, output)

    def _check_depends(self, place: int, output: Tensor) -> None:
        """Refuses an output that does not depend on every input."""
        what = f"Output {place} of the user-provided function"
        if not output.requires_grad:
            raise RuntimeError(
                f"{what} does not require gradients. The outputs must be computed in a "
                "differentiable manner from the input when running in strict mode."
            )
        ones = operation("ones_like")(output.detach())
        found = _native.grad((output,), (ones,), self.inputs, True, False, True)
        for number, gradient in enumerate(found):
            if gradient is None:
                raise RuntimeError(
                    f"{what} is independent of input {number}. This is not allowed in strict mode."
                )

    def pulled(self, cotangents: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
        """Gradients of the inputs, zeros where an output does not depend on one."""
        pairs = [(y, v) for y, v in zip(self.outputs, cotangents, strict=True) if y.requires_grad]
        if not pairs:
            return tuple(_zeros(x) for x in self.inputs)
        outputs, vectors = zip(*pairs, strict=True)
        found = _native.grad(outputs, vectors, self.inputs, True, create_graph, True)
        return tuple(_zeros(x) if g is None else g for x, g in zip(self.inputs, found, strict=True))

    def like_inputs(self, values: tuple) -> Any:
        return values if self.takes_tuple else values[0]

    def like_outputs(self, values: tuple) -> Any:
        return values if self.gives_tuple else values[0]

    def shown(self, values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return values if self.create_graph else tuple(x.detach() for x in values)


def _leaf(x: Tensor) -> Tensor:
    fresh = x.detach()
    fresh.requires_grad = True
    return fresh


def _zeros(x: Tensor) -> Tensor:
    return operation("zeros_like")(x.detach())


def _vectors(v: Any, like: tuple[Tensor, ...], name: str, what: str) -> tuple[Tensor, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {what} is a single Tensor with one element."
            )
        return (operation("ones_like")(like[0].detach()),)
    given, _ = _several(v, name, "vector")
    if len(given) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}."
        )
    for place, (x, y) in enumerate(zip(given, like, strict=True)):
        if x.shape != y.shape:
            raise RuntimeError(
                f"{name}: v at index {place} has shape {list(x.shape)}, should be {list(y.shape)}"
            )
    return given


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function and the product of a vector with its Jacobian."""
    call = _Call(func, inputs, create_graph, "vjp", strict)
    vectors = _vectors(v, call.outputs, "vjp", "output")
    found = call.pulled(vectors, create_graph)
    value = call.like_outputs(call.shown(call.outputs))
    return value, call.like_inputs(call.shown(found))


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function and the product of its Jacobian with a vector."""
    call = _Call(func, inputs, create_graph, "jvp", strict)
    vectors = _vectors(v, call.inputs, "jvp", "input")
    found = _native.jvp(call.outputs, call.inputs, vectors)
    value = call.like_outputs(call.shown(call.outputs))
    return value, call.like_outputs(call.shown(found))


def jacobian(
    func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"
):
    """The Jacobian of a function: of an output [m...] and an input [n...] a tensor [m..., n...].

    Args:
        func: A function of tensors to a tensor or a tuple of them.
        inputs: A tensor or a tuple of them.
        create_graph: Whether the result can be differentiated.
        strict: Refuse an output that does not depend on every input, with a RuntimeError.
        vectorize: Accepted for migration.
        strategy: Accepted for migration.

    Returns:
        A tensor; a tuple for several inputs, and a tuple of those for several outputs.

    Example:
        >>> import betty
        >>> betty.autograd.functional.jacobian(lambda x: x**2, betty.tensor([1.0, 3.0]))
        tensor([[2., 0.],
                [0., 6.]])
    """
    call = _Call(func, inputs, create_graph, "jacobian", strict)
    rows = []
    for place, output in enumerate(call.outputs):
        count = output.numel()
        basis = operation("eye")(n=count, m=count, dtype=output.dtype)
        found = []
        for unit in range(count):
            vectors = [_zeros(y) for y in call.outputs]
            vectors[place] = basis[unit].reshape(output.shape)
            found.append(call.shown(call.pulled(tuple(vectors), create_graph)))
        rows.append(_stacked(found, output, call))
    return call.like_outputs(tuple(call.like_inputs(row) for row in rows))


def _stacked(found: list[tuple[Tensor, ...]], output: Tensor, call: _Call) -> tuple[Tensor, ...]:
    columns = []
    for place, x in enumerate(call.inputs):
        shape = tuple(output.shape) + tuple(x.shape)
        if not found:
            columns.append(operation("zeros")(size=shape, dtype=x.dtype))
        else:
            columns.append(F.stack([row[place] for row in found]).reshape(shape))
    return tuple(columns)


def _scalar(func: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    def call(*inputs: Tensor) -> Tensor:
        value = func(*inputs)
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise RuntimeError(f"The function given to {name} should return a single scalar Tensor")
        return value.reshape(())

    return call


def hessian(
    func,
    inputs,
    create_graph=False,
    strict=False,
    vectorize=False,
    outer_jacobian_strategy="reverse-mode",
):
    """The Hessian of a function to one number: of inputs [n...] and [m...] tensors [n..., m...]."""
    takes_tuple = isinstance(inputs, tuple)
    value = _scalar(func, "hessian")

    def gradient(*given: Tensor) -> Any:
        found = jacobian(value, given, create_graph=True, strict=strict)
        return found if takes_tuple else found[0]

    return jacobian(gradient, inputs, create_graph, strict)


def _hessian_product(func, inputs, v, create_graph: bool, strict: bool, name: str):
    call = _Call(_scalar(func, name), inputs, create_graph, name, strict)
    vectors = _vectors(v, call.inputs, name, "input")
    value = call.like_outputs(call.shown(call.outputs))
    if not call.outputs[0].requires_grad:
        return value, call.like_inputs(tuple(_zeros(x) for x in call.inputs))
    if strict:
        for place, gradient in enumerate(
            call.pulled(_vectors(None, call.outputs, name, "output"), True)
        ):
            if not gradient.requires_grad:
                raise RuntimeError(
                    f"{name}: the gradient with respect to input {place} is independent of the "
                    "inputs. This is not allowed in strict mode."
                )
    found = _native.hvp(call.outputs, call.inputs, vectors)
    return value, call.like_inputs(call.shown(found))


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function to one number and the product of a vector with its Hessian."""
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function to one number and the product of its Hessian with a vector."""
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")
