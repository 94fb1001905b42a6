"""A line search for the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, 2006,
algorithms 3.5 and 3.6), with cubic interpolation and the safeguards of Schmidt's minFunc.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__: list[str] = []

#: Share of the slope by which a loss must fall, share that may be left of the slope.
_FALL, _REST = 1e-4, 0.9
#: Brackets narrower than this, times the largest step of a parameter, are not divided.
_NARROW = 1e-9


class Point(NamedTuple):
    """What was found at a length along the direction."""

    length: float
    loss: float
    slope: float
    gradient: Any


def _cubic(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points and their slopes is least, within bounds (eq. 3.59)."""
    if a.length > b.length:
        a, b = b, a
    width = b.length - a.length
    if width == 0:
        return (low + high) / 2
    middle = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    square = middle**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    root = math.sqrt(square)
    divisor = b.slope - a.slope + 2 * root
    if divisor == 0:
        return (low + high) / 2
    least = b.length - width * (b.slope + root - middle) / divisor
    return min(max(least, low), high)


def search(
    look: Callable[[float], Point], here: Point, length: float, step: float, most: int
) -> tuple[Point, int]:
    """A point that satisfies the conditions, or the best that was met, and how often was looked.

    Args:
        look: What there is at a length.
        here: What there is at 0.
        length: What is tried first.
        step: The largest change of a parameter at length 1.
        most: How often may be looked, after the first time.
    """

    def is_high(point: Point) -> bool:
        return point.loss > here.loss + _FALL * point.length * here.slope

    last, new = here, look(length)
    used = 1
    while used <= most:
        if is_high(new) or (used > 2 and new.loss >= last.loss):
            break
        if abs(new.slope) <= -_REST * here.slope:
            return new, used
        if new.slope >= 0:
            break
        low, high = new.length + 0.01 * (new.length - last.length), 10 * new.length
        last, new = new, look(_cubic(last, new, low, high))
        used += 1
    else:
        last = here
    ends = sorted((last, new), key=lambda point: point.loss)
    return _zoom(look, here, ends, used, step, most)


def _zoom(
    look: Callable[[float], Point],
    here: Point,
    ends: list[Point],
    used: int,
    step: float,
    most: int,
) -> tuple[Point, int]:
    """Divides a bracket, whose better end comes first."""
    best, other = ends
    was_close = False
    while used <= most and abs(other.length - best.length) * step >= _NARROW:
        low, high = sorted((best.length, other.length))
        length, margin = _cubic(best, other, low, high), 0.1 * (high - low)
        # Twice in a row next to an end, or on it: a step away from it.
        is_close = min(high - length, length - low) < margin
        if is_close and (was_close or not low < length < high):
            nearer_high = abs(length - high) < abs(length - low)
            length = high - margin if nearer_high else low + margin
            is_close = False
        was_close = is_close
        new = look(length)
        used += 1
        if new.loss > here.loss + _FALL * length * here.slope or new.loss >= best.loss:
            best, other = (best, new) if best.loss <= new.loss else (new, best)
            continue
        if abs(new.slope) <= -_REST * here.slope:
            return new, used
        if new.slope * (other.length - best.length) >= 0:
            other = best
        best = new
    return best, used
