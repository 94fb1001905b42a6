"""Warnings that point at the program's line, however deep in this package they are raised."""

from __future__ import annotations

import os
import sys
import warnings

_HOME = os.path.dirname(__file__) + os.sep


def warn(message: str, kind: type[Warning] = UserWarning) -> None:
    """Warns at the first frame outside of this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_code.co_filename.startswith(_HOME) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, kind, stacklevel=level)
