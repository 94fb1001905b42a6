"""What PyTorch tells of a recorded graph: hooks on saved tensors are accepted, none are saved.

The engine computes a graph as a program of its own and keeps what the program needs, so there is
no list of saved tensors to pack and to unpack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

from betty._native import Tensor

__all__ = [
    "GradientEdge", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks",
    "get_gradient_edge", "increment_version", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip


class _Accepted:
    """A context that changes nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class saved_tensors_hooks(_Accepted):
    """Accepted: nothing is packed, so neither function is called.

    Args:
        pack_hook: In PyTorch, makes what is kept of a saved tensor.
        unpack_hook: In PyTorch, makes a tensor of that again.

    Example:
        >>> import betty
        >>> w = betty.ones(2, requires_grad=True)
        >>> with betty.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x):
        ...     (w * w).sum().backward()
        >>> w.grad
        tensor([2., 2.])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook


class save_on_cpu(_Accepted):
    """Accepted: everything is on the processor."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        self.pin_memory = pin_memory


class disable_saved_tensors_hooks(_Accepted):
    """Accepted: such hooks are not called anyway."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message


class allow_mutation_on_saved_tensors(_Accepted):
    """Accepted: gradients are always those of the values that were used."""


class GradientEdge(NamedTuple):
    """The place of a tensor in the graph."""

    node: Any
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place of a tensor in the graph.

    Raises:
        RuntimeError: It does not require a gradient.
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    return GradientEdge(tensor.grad_fn, 0)


def increment_version(tensor: Any) -> None:
    """Accepted: changes in place are followed."""
