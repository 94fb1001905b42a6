"""Named tuples of several results, printed as PyTorch prints its own."""

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
