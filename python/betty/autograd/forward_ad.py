"""Derivatives forwards, along tangents that tensors carry, under `torch.autograd.forward_ad`.

A dual tensor is an input of its own; what is recorded from it is differentiated when that is
unpacked.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple

from betty import _native
from betty._native import Tensor

__all__ = [
    "UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
    "unpack_dual",
]  # fmt: skip

# The dual tensors and tangents of the levels that are open; there is one at most.
_levels: list[list[tuple[Tensor, Tensor, Tensor]]] = []


class UnpackedDualTensor(NamedTuple):
    """A value, and how it changes along the tangents; None if it does not."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Opens the level that dual tensors live in."""
    if _levels:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels.append([])
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Closes the level: its tensors carry no tangents any more."""
    if not _levels:
        raise RuntimeError("exit_dual_level: there is no level to exit")
    _levels.pop()


class dual_level:
    """The context that dual tensors live in.

    Example:
        >>> import betty
        >>> forward = betty.autograd.forward_ad
        >>> with forward.dual_level():
        ...     x = forward.make_dual(betty.tensor([1.0, 2.0]), betty.tensor([1.0, 0.0]))
        ...     forward.unpack_dual(x * x).tangent
        tensor([2., 0.])
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        exit_dual_level()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """The tensor with a tangent.

    Raises:
        RuntimeError: No level is open, or the tangent has another shape or type.
    """
    if not _levels:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    if not tensor.is_floating_point():
        raise ValueError(f"Expected primal to be floating point, but got: {tensor.dtype}")
    if tangent.shape != tensor.shape or tangent.dtype != tensor.dtype:
        raise RuntimeError(
            f"make_dual: the tangent must be {tensor.dtype}{list(tensor.shape)}, got "
            f"{tangent.dtype}{list(tangent.shape)}"
        )
    if tensor.requires_grad:
        dual = tensor.clone()
    else:
        dual = tensor.detach()
        dual.requires_grad = True
    _levels[-1].append((dual, tensor, tangent))
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of what was made of dual tensors."""
    held: list[Any] = _levels[-1] if _levels else []
    for dual, primal, tangent in held:
        if dual is tensor:
            return UnpackedDualTensor(primal, tangent)
    duals = tuple(dual for dual, _, _ in held)
    if not duals or not tensor.requires_grad:
        return UnpackedDualTensor(tensor, None)
    places = _native.backward_order((tensor,), duals, len(duals))
    if not any(place >= 0 for place in places):
        return UnpackedDualTensor(tensor, None)
    tangents = tuple(tangent for _, _, tangent in held)
    change = _native.jvp((tensor,), duals, tangents)[0]
    needs = any(x.requires_grad for _, primal, tangent in held for x in (primal, tangent))
    if needs:
        return UnpackedDualTensor(tensor, change)
    return UnpackedDualTensor(tensor.detach(), change.detach())
