"""What may be asked of a table of vectors beside looking up its rows."""

from __future__ import annotations

from betty import _creation
from betty import _functions as ops
from betty._native import Tensor
from betty.autograd import no_grad

__all__ = ["frequency_scaled", "shorten_rows"]


def _counts(indices: Tensor, rows: int, dtype: object) -> Tensor:
    """How often each row is named."""
    flat = indices.reshape(-1)
    room = _creation.zeros(rows, dtype=dtype)
    return ops.scatter_add(room, 0, flat, _creation.ones(flat.shape, dtype=dtype))


def shorten_rows(table: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scales rows that are named and longer than a norm down to it, in place."""
    with no_grad():
        rows = table.detach()
        lengths = ops.norm(rows, p=float(norm_type), dim=1, keepdim=True)
        is_named = _counts(indices, rows.shape[0], rows.dtype).unsqueeze(1) > 0
        is_long = ops.logical_and(is_named, lengths > max_norm)
        shortened = rows * (max_norm / (lengths + 1e-7))
        table.data.copy_(ops.where(is_long, shortened, rows))


def frequency_scaled(found: Tensor, indices: Tensor, rows: int) -> Tensor:
    """The rows found, whose gradients are divided by how often each of them is named."""
    with no_grad():
        counts = _counts(indices, rows, found.dtype)
        often = ops.index_select(counts, 0, indices.reshape(-1)).reshape(indices.shape)
    fixed = found.detach()
    return fixed + (found - fixed) / often.unsqueeze(-1)
