"""How tensors print: as PyTorch's do, character by character.

Invariant: only values that are shown are converted to Python; a summary shows edge items only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from betty import _types


@dataclass
class Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


options = Options()
_PROFILES = {
    "default": (4, 1000, 3, 80),
    "short": (2, 1000, 2, 80),
    "full": (4, math.inf, 3, 80),
}


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
) -> None:
    """Set how tensors print; a profile is "default", "short" or "full"."""
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions: no profile '{profile}'")
        options.precision, options.threshold, options.edgeitems, options.linewidth = _PROFILES[
            profile
        ]
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    for name, value in given.items():
        if value is not None:
            setattr(options, name, value)
    options.sci_mode = sci_mode


class _Formatter:
    """One style for all elements: integers, fixed or scientific, and a common width."""

    def __init__(self, values: Any, floating: bool) -> None:
        self.floating = floating
        self.integers = True
        self.scientific = False
        self.width = 1
        if not floating:
            self.width = max((len(str(value)) for value in values), default=1)
            return
        finite = [abs(value) for value in values if math.isfinite(value) and value != 0]
        if not finite:
            return
        largest, smallest = max(finite), min(finite)
        self.integers = all(value == math.floor(value) for value in finite)
        wide = largest / smallest > 1000.0 or largest > 1.0e8
        self.scientific = wide or (not self.integers and smallest < 1.0e-4)
        if options.sci_mode is not None:
            self.scientific = options.sci_mode
        signed = [value for value in values if math.isfinite(value) and value != 0]
        self.width = max(self.width, *(len(self.text(value)) for value in signed))

    def text(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{options.precision}e}"
        if self.integers:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{options.precision}f}"

    def __call__(self, value: Any) -> str:
        return self.text(value).rjust(self.width)


def _edges(count: int, summarize: bool) -> list[int | None]:
    """Indices shown along an axis, None for what is left out."""
    edge = options.edgeitems
    if not summarize or count <= 2 * edge:
        return list(range(count))
    return [*range(edge), None, *range(count - edge, count)]


def _shown(array: Any, summarize: bool) -> list:
    """The elements that are shown, flat."""
    if array.ndim == 0:
        return [array.item()]
    picked = [index for index in _edges(array.shape[0], summarize) if index is not None]
    if array.ndim == 1:
        return array[picked].tolist()
    return [value for index in picked for value in _shown(array[index], summarize)]


def _vector(array: Any, indent: int, summarize: bool, formatter: _Formatter) -> str:
    per_line = max(1, (options.linewidth - indent) // (formatter.width + 2))
    texts = [
        " ..." if index is None else formatter(array[index].item())
        for index in _edges(array.shape[0], summarize)
    ]
    lines = [", ".join(texts[at : at + per_line]) for at in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _body(array: Any, indent: int, summarize: bool, formatter: _Formatter) -> str:
    if array.ndim == 0:
        return formatter(array.item())
    if array.ndim == 1:
        return _vector(array, indent, summarize, formatter)
    parts = [
        "..." if index is None else _body(array[index], indent + 1, summarize, formatter)
        for index in _edges(array.shape[0], summarize)
    ]
    separator = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    last = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if last + len(suffix) + 2 > options.linewidth:
            text += ",\n" + " " * indent + suffix
            last = indent + len(suffix)
        else:
            text += ", " + suffix
            last += len(suffix) + 2
    return text + ")"


def represent(tensor: Any) -> str:
    """repr() of a tensor."""
    prefix = "tensor("
    kind = tensor.dtype
    usual = kind in (_types.get_default_dtype(), _types.int64, _types.bool)
    suffixes = []
    if tensor.numel() == 0:
        body = "[]"
        if tensor.ndim != 1:
            suffixes.append(f"size={tuple(tensor.shape)}")
        usual = kind is _types.get_default_dtype()
    else:
        floating = kind.is_floating_point
        values = tensor.detach()
        if kind in (_types.bfloat16, _types.float16):
            values = values.to(_types.float32)
        array = values.numpy()
        summarize = tensor.numel() > options.threshold
        formatter = _Formatter(_shown(array, summarize), floating)
        body = _body(array, len(prefix), summarize, formatter)
    if not usual:
        suffixes.append(f"dtype={kind}")
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + body, suffixes, len(prefix))
