"""Results: several as named tuples, printed as PyTorch prints its own; and one put into `out`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def named(name: str, fields: str = "values indices") -> Any:
    """The class of a named tuple."""
    kind = namedtuple(name, fields)  # noqa: PYI024 (the fields are data)

    def shown(self) -> str:
        parts = ",\n".join(f"{field}={getattr(self, field)!r}" for field in self._fields)
        return f"betty.return_types.{name}(\n{parts})"

    kind.__repr__ = shown  # type: ignore[method-assign,assignment]
    return kind


def stored(out: Any, result: Any) -> Any:
    """Puts a result into the tensor that `out` names; one of another shape takes its shape."""
    if result.requires_grad:
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad"
        )
    if out.shape == result.shape:
        return out._update(result)
    out.data = result.to(out.dtype)
    return out
