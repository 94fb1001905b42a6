"""Transforms of functions: grad, grad_and_value, vjp, jvp, hvp, vmap, and Jacobians from them.

Each runs the function once on fresh copies of its inputs and differentiates what was recorded.
Invariant: a transform of a transform is exact, because an input that already needs a gradient stays
connected to its copy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty import _native
from betty._native import Tensor, operation
from betty._stateless import functional_call, stack_module_state
from betty._trees import leaves_of, rebuild
from betty._vmap import vmap
from betty.autograd import enable_grad

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "hvp", "jacfwd", "jacrev", "jvp",
    "linearize", "stack_module_state", "vjp", "vmap",
]  # fmt: skip


def _fresh(tensor: Any, name: str) -> Tensor:
    """A copy to differentiate with respect to; connected to the original if that needs it."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: expected a Tensor to differentiate, got {type(tensor).__name__}")
    if not tensor.dtype.is_floating_point:
        raise RuntimeError(f"{name}: only floating tensors have gradients, got {tensor.dtype}")
    if tensor.requires_grad:
        return tensor.clone()
    fresh = tensor.detach()
    fresh.requires_grad = True
    return fresh


class _Copies:
    """Fresh copies of trees of tensors."""

    def __init__(self, trees: tuple, name: str) -> None:
        self.originals = [leaf for tree in trees for leaf in leaves_of(tree)]
        self.leaves = tuple(_fresh(leaf, name) for leaf in self.originals)
        copies = iter(self.leaves)
        self.trees = tuple(rebuild(tree, copies) for tree in trees)
        # Only what came in needing a gradient can ask for one of the results.
        self.connected = any(leaf.requires_grad for leaf in self.originals)


def _outputs(result: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    aux = None
    if has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise RuntimeError(f"{name}: with has_aux the function returns (output, aux)")
        result, aux = result
    for leaf in leaves_of(result):
        if not isinstance(leaf, Tensor):
            kind = type(leaf).__name__
            raise RuntimeError(f"{name}: the function must return only tensors, got {kind}")
    return result, aux


def _detached(tree: Any, connected: bool) -> Any:
    if connected:
        return tree
    leaves = (leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves_of(tree))
    return rebuild(tree, leaves)


def grad_and_value(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False):
    """A function that gives the gradient of `func` and its value."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for number in numbers:
            if not -len(arguments) <= number < len(arguments):
                raise RuntimeError(f"grad: argnums {number} of {len(arguments)} arguments")
        copies = _Copies(tuple(arguments[number] for number in numbers), "grad")
        inner = list(arguments)
        for number, tree in zip(numbers, copies.trees, strict=True):
            inner[number] = tree
        with enable_grad():
            value, aux = _outputs(func(*inner, **keywords), has_aux, "grad")
        if not isinstance(value, Tensor) or value.ndim != 0:
            shape = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise RuntimeError(f"grad: the function must return a scalar tensor, got {shape}")
        found = _products((value,), copies, None)
        gradients = rebuild(copies.trees, iter(found))
        gradient = gradients[0] if isinstance(argnums, int) else gradients
        value, aux = _detached(value, copies.connected), _detached(aux, copies.connected)
        return (gradient, (value, aux)) if has_aux else (gradient, value)

    return call


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of `func` with respect to some of its arguments."""
    both = grad_and_value(func, argnums, has_aux)

    def call(*arguments: Any, **keywords: Any) -> Any:
        gradient, value = both(*arguments, **keywords)
        return (gradient, value[1]) if has_aux else gradient

    return call


def _products(outputs: tuple, copies: _Copies, cotangents: tuple | None) -> tuple[Tensor, ...]:
    """Cotangents of the copies; zero where an output does not depend on one."""
    needing = [i for i, output in enumerate(outputs) if output.requires_grad]
    if not needing:
        return tuple(_native.operation("zeros_like")(leaf.detach()) for leaf in copies.leaves)
    given = None if cotangents is None else tuple(cotangents[i] for i in needing)
    found = _native.grad(
        tuple(outputs[i] for i in needing), given, copies.leaves, True, copies.connected, True
    )
    zeros = _native.operation("zeros_like")
    return tuple(
        zeros(leaf.detach()) if product is None else product
        for leaf, product in zip(copies.leaves, found, strict=True)
    )


def vjp(func: Callable, *primals: Any, has_aux: bool = False):
    """The value of `func` and a function from a cotangent of it to cotangents of the primals."""
    copies = _Copies(primals, "vjp")
    with enable_grad():
        result, aux = _outputs(func(*copies.trees), has_aux, "vjp")
    outputs = tuple(leaves_of(result))

    def products(*cotangents: Any) -> Any:
        given = tuple(leaves_of(cotangents[0] if len(cotangents) == 1 else cotangents))
        if len(given) != len(outputs):
            raise RuntimeError(f"vjp: got {len(given)} cotangents for {len(outputs)} outputs")
        found = _products(outputs, copies, given)
        return rebuild(copies.trees, iter(found))

    value = _detached(result, copies.connected)
    if has_aux:
        return value, products, _detached(aux, copies.connected)
    return value, products


def jvp(func: Callable, primals: tuple, tangents: tuple, *, has_aux: bool = False):
    """The value of `func` at the primals and its change along the tangents."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("jvp: primals and tangents must be tuples")
    copies = _Copies(primals, "jvp")
    vectors = _along(copies, tangents, "jvp")
    with enable_grad():
        result, aux = _outputs(func(*copies.trees), has_aux, "jvp")
    outputs = tuple(leaves_of(result))
    found = _native.jvp(outputs, copies.leaves, vectors)
    value = _detached(result, copies.connected)
    change = _detached(rebuild(result, iter(found)), copies.connected or _needs_grad(vectors))
    if has_aux:
        return value, change, _detached(aux, copies.connected)
    return value, change


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """The value of `func` at the primals and the function from tangents to its change along them.

    `func` runs once; each call of the function is a product with what was recorded.

    Example:
        >>> import betty
        >>> value, along = betty.func.linearize(betty.sin, betty.tensor(0.0))
        >>> along(betty.tensor(2.0))
        tensor(2.)
    """
    copies = _Copies(primals, "linearize")
    with enable_grad():
        result = func(*copies.trees)
    outputs = tuple(leaves_of(result))

    def along(*tangents: Any) -> Any:
        vectors = _along(copies, tangents, "linearize")
        found = _native.jvp(outputs, copies.leaves, vectors)
        return _detached(rebuild(result, iter(found)), copies.connected or _needs_grad(vectors))

    return _detached(result, copies.connected), along


def hvp(func: Callable, primals: tuple, tangents: tuple):
    """The value of a scalar `func` and the products of its Hessian with the tangents."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("hvp: primals and tangents must be tuples")
    copies = _Copies(primals, "hvp")
    vectors = _along(copies, tangents, "hvp")
    with enable_grad():
        value = func(*copies.trees)
    if not isinstance(value, Tensor) or value.ndim != 0:
        raise RuntimeError("hvp: the function must return a scalar tensor")
    found = _native.hvp((value,), copies.leaves, vectors)
    connected = copies.connected or _needs_grad(vectors)
    products = _detached(rebuild(copies.trees, iter(found)), connected)
    return _detached(value, copies.connected), products


def _along(copies: _Copies, tangents: tuple, name: str) -> tuple[Tensor, ...]:
    vectors = tuple(leaf for tree in tangents for leaf in leaves_of(tree))
    if len(vectors) != len(copies.leaves):
        raise RuntimeError(f"{name}: {len(vectors)} tangents for {len(copies.leaves)} primals")
    for primal, vector in zip(copies.leaves, vectors, strict=True):
        if not isinstance(vector, Tensor) or vector.shape != primal.shape:
            shape = list(vector.shape) if isinstance(vector, Tensor) else type(vector).__name__
            raise RuntimeError(
                f"{name}: a tangent of shape {shape} for a primal of shape {list(primal.shape)}"
            )
    return vectors


def _needs_grad(tensors: tuple[Tensor, ...]) -> bool:
    return any(tensor.requires_grad for tensor in tensors)


def _basis(tensors: list[Tensor]) -> list[Tensor]:
    """Unit vectors of all tensors together, one a row: of each tensor [count, ...]."""
    count, first, rows = sum(x.numel() for x in tensors), 0, []
    for x in tensors:
        unit = operation("eye")(n=count, m=count, dtype=x.dtype)
        part = operation("slice")(unit, dim=1, start=first, end=first + x.numel())
        rows.append(part.reshape((count, *x.shape)))
        first += x.numel()
    return rows


def _blocks(rows: Tensor, tensors: list[Tensor]) -> list[Tensor]:
    """Rows [count, ...] as one block for each tensor: [its shape, ...]."""
    first, found = 0, []
    for x in tensors:
        part = operation("slice")(rows, dim=0, start=first, end=first + x.numel())
        found.append(part.reshape((*x.shape, *rows.shape[1:])))
        first += x.numel()
    return found


def _arguments(args: tuple, argnums: int | tuple[int, ...], name: str) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise RuntimeError(f"{name}: argnums {number} of {len(args)} arguments")
    return numbers


def _of_some(func: Callable, args: tuple, numbers: tuple[int, ...], keywords: dict) -> Callable:
    """The function of the arguments that are differentiated."""

    def call(*chosen: Any) -> Any:
        inner = list(args)
        for number, value in zip(numbers, chosen, strict=True):
            inner[number] = value
        return func(*inner, **keywords)

    return call


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable:
    """A function that gives the Jacobian of `func`, one reverse product a row of the output.

    Example:
        >>> import betty
        >>> betty.func.jacrev(lambda x: x**2)(betty.tensor([1.0, 3.0]))
        tensor([[2., 0.],
                [0., 6.]])
    """

    def call(*args: Any, **keywords: Any) -> Any:
        numbers = _arguments(args, argnums, "jacrev")
        chosen = tuple(args[number] for number in numbers)
        found = vjp(_of_some(func, args, numbers, keywords), *chosen, has_aux=has_aux)
        value, products = found[:2]
        outputs = leaves_of(value)
        # One batch of cotangents: the unit vectors of all outputs.
        rows = vmap(lambda *units: products(rebuild(value, iter(units))))(*_basis(outputs))
        trees = rows if isinstance(rows, tuple) and len(rows) == len(numbers) else (rows,)
        # rows: for each argument a tree of [count, argument's shape].
        blocks = [[_blocks(leaf, outputs) for leaf in leaves_of(tree)] for tree in trees]
        result = []
        for place in range(len(outputs)):
            parts = [
                rebuild(tree, (block[place] for block in column))
                for tree, column in zip(trees, blocks, strict=True)
            ]
            result.append(parts[0] if isinstance(argnums, int) else tuple(parts))
        jacobian = rebuild(value, iter(result))
        return (jacobian, found[2]) if has_aux else jacobian

    return call


def jacfwd(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable:
    """A function that gives the Jacobian of `func`, one forward product an element of the input."""

    def call(*args: Any, **keywords: Any) -> Any:
        numbers = _arguments(args, argnums, "jacfwd")
        chosen = tuple(args[number] for number in numbers)
        inner = _of_some(func, args, numbers, keywords)
        inputs = leaves_of(chosen)

        def product(*units: Any) -> Any:
            return jvp(inner, chosen, rebuild(chosen, iter(units)), has_aux=has_aux)[1]

        columns = vmap(product, randomness=randomness)(*_basis(inputs))
        leaves = []
        for leaf in leaves_of(columns):
            blocks = []
            for block, x in zip(_blocks(leaf, inputs), inputs, strict=True):
                order = (*range(x.ndim, block.ndim), *range(x.ndim))
                blocks.append(operation("permute")(block, dims=order))
            trees = rebuild(chosen, iter(blocks))
            leaves.append(trees[0] if isinstance(argnums, int) else trees)
        jacobian = rebuild(columns, iter(leaves))
        return (jacobian, inner(*chosen)[1]) if has_aux else jacobian

    return call


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """A function that gives the Hessian of `func`: forward products of reverse ones."""
    return jacfwd(jacrev(func, argnums), argnums)
