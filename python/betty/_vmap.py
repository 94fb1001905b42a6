"""vmap: a function of one example applied to many at once.

The function runs once, on examples that have a shape and a type but no value; the engine turns what
it recorded into operations on all examples. Loops of Python over examples cost nothing that way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from betty import _native
from betty._checks import nesting
from betty._native import Tensor
from betty._trees import leaves_of, rebuild

__all__ = ["vmap"]


def _dims(tree: Any, dims: Any, name: str) -> list[int | None]:
    """One dimension or None for each leaf of the tree; `dims` is a prefix of its nesting."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(leaves_of(tree))
    if isinstance(tree, dict) and isinstance(dims, dict) and tree.keys() == dims.keys():
        return [d for key in tree for d in _dims(tree[key], dims[key], name)]
    nested = isinstance(tree, (tuple, list)) and isinstance(dims, (tuple, list))
    if nested and len(tree) == len(dims):
        return [d for part, dim in zip(tree, dims, strict=True) for d in _dims(part, dim, name)]
    raise ValueError(f"vmap: {name} {dims!r} does not match the structure of what it is for")


def _to_front(leaf: Any, dim: int) -> Tensor:
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"vmap: in_dims {dim} for an input of type {type(leaf).__name__}; only tensors can be "
            "mapped over, give it None"
        )
    if not -leaf.ndim <= dim < leaf.ndim:
        raise ValueError(
            f"vmap: in_dims {dim} is out of range for a tensor of dimensionality {leaf.ndim}"
        )
    return leaf.movedim(dim, 0) if dim % leaf.ndim else leaf


class _Examples:
    """Arguments with mapped tensors replaced by one example."""

    def __init__(self, arguments: tuple, in_dims: Any, level: int) -> None:
        dims = _dims(arguments, tuple(in_dims) if isinstance(in_dims, list) else in_dims, "in_dims")
        inputs = leaves_of(arguments)
        fronts = [
            leaf if dim is None else _to_front(leaf, dim)
            for leaf, dim in zip(inputs, dims, strict=True)
        ]
        mapped = [front for front, dim in zip(fronts, dims, strict=True) if dim is not None]
        if not mapped:
            raise ValueError(f"vmap: in_dims {in_dims!r} maps over no input")
        sizes = [front.shape[0] for front in mapped]
        if len(set(sizes)) > 1:
            raise ValueError(
                "vmap: expected all tensors to have the same size in the mapped dimension, got "
                f"sizes {sizes}"
            )
        self.size = sizes[0]
        examples = (
            front if dim is None else _native.vmap_example(front, level)
            for front, dim in zip(fronts, dims, strict=True)
        )
        self.arguments = rebuild(arguments, examples)


def _place(tensor: Tensor, dim: int | None) -> Tensor:
    if dim is None:
        return tensor.select(0, 0)
    if not -tensor.ndim <= dim < tensor.ndim:
        raise IndexError(
            f"vmap: out_dims {dim} is out of range for an output of dimensionality {tensor.ndim}"
        )
    return tensor.movedim(0, dim) if dim % tensor.ndim else tensor


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable:
    """A function that applies `func` to every example along a dimension of its inputs.

    Args:
        func: Takes and gives tensors, in tuples, lists and dicts if need be. It runs once and can't
            read values (``item()``, ``if tensor``).
        in_dims: Dimension to map over of each input, None for inputs that all examples share; an
            integer for all, or nested like the inputs.
        out_dims: Where the mapped dimension goes in the outputs.
        randomness: ``"error"``, or ``"same"``: every example gets the same random draws.
        chunk_size: Accepted for migration; memory is planned for all examples at once.

    Raises:
        ValueError: Dimensions that don't fit the inputs, or sizes that differ.
        RuntimeError: `func` reads a value of an example, or draws at random without leave.

    Example:
        >>> import betty
        >>> a, b = betty.arange(6.0).reshape(3, 2), betty.tensor([1.0, 10.0])
        >>> betty.func.vmap(betty.dot, in_dims=(0, None))(a, b)
        tensor([10., 32., 54.])
    """
    if randomness not in ("error", "same"):
        raise ValueError(f"vmap: randomness must be 'error' or 'same', got {randomness!r}")

    def call(*arguments: Any, **keywords: Any) -> Any:
        level = getattr(nesting, "level", 0)
        examples = _Examples(arguments, in_dims, level)
        draws = _native.random_state()
        nesting.level = level + 1
        try:
            result = func(*examples.arguments, **keywords)
        finally:
            nesting.level = level
        if randomness == "error" and _native.random_state() != draws:
            raise RuntimeError(
                "vmap: the function draws random numbers; say randomness='same' if every example "
                "shall get the same draws"
            )
        outputs = leaves_of(result)
        for output in outputs:
            if not isinstance(output, Tensor):
                raise ValueError(
                    f"vmap: the function must return tensors, got {type(output).__name__}"
                )
        batched = _native.vmap(tuple(outputs), level, examples.size)
        places = _dims(
            result, tuple(out_dims) if isinstance(out_dims, list) else out_dims, "out_dims"
        )
        return rebuild(result, map(_place, batched, places))

    call.__name__ = getattr(func, "__name__", "vmap")
    call.__doc__ = getattr(func, "__doc__", None)
    return call
