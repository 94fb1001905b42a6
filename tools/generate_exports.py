"""Writes python/betty/__init__.pyi: every public name of `betty` and where its definition is.

Duty: type checkers and editors do not run the package, which puts its functions together when it is
imported; the stub says the same as plain imports. A name that stands for another one's definition
is assigned. `--check` says whether the file is fresh and writes nothing.
"""

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
if (ROOT / "python" / "betty" / "_native.abi3.so").exists():  # beside the sources, or installed
    sys.path.insert(0, str(ROOT / "python"))

from generate_functions import formatted  # noqa: E402

HEAD = '''"""The names of this package. Written by tools/generate_exports.py, not by hand."""

import builtins
from typing import Any

from betty import _derived, _functions, _quadrature, _views
'''


def exported(betty: ModuleType) -> list[str]:
    """The public names, without modules of the standard library."""
    return [name for name in sorted(dir(betty)) if not name.startswith("_") or name == "_assert"]


def home(value: object, name: str) -> str | None:
    """The module of the package in which this name is this value."""
    module = getattr(value, "__module__", None)
    known = [module] if module and module.startswith("betty.") else []
    for place in (*known, "betty._native", "betty._types", "betty._derived", "betty._functions"):
        found = vars(importlib.import_module(place)).get(name)
        if found is not None and inspect.unwrap(found) is value:  # those that take `out`
            return place
    return None


def line(betty: ModuleType, name: str) -> str:
    value = inspect.unwrap(getattr(betty, name))  # those that look at their operands
    if isinstance(value, ModuleType):
        return f"from betty import {name} as {name}"
    place = home(value, name)
    if place is not None:
        return f"from {place} import {name} as {name}"
    first = getattr(value, "__name__", "")
    if inspect.isfunction(value) and (place := home(value, first)):
        return f"{name} = {place.removeprefix('betty.')}.{first}"
    if isinstance(value, (int, float, str)):  # names of this package hide the builtin ones
        return f"{name}: builtins.{type(value).__name__}"
    return f"{name}: Any"


def stub() -> str:
    betty = importlib.import_module("betty")
    lines = sorted(line(betty, name) for name in exported(betty))
    imports = [each for each in lines if each.startswith("from")]
    others = [each for each in lines if not each.startswith("from")]
    text = "\n".join([HEAD, *imports, "", *others, "__version__: builtins.str", ""])
    return formatted(text, ROOT / "python" / "betty" / "__init__.pyi")


def main() -> int:
    target = ROOT / "python" / "betty" / "__init__.pyi"
    text = stub()
    if "--check" not in sys.argv:
        target.write_text(text)
        return 0
    if target.exists() and target.read_text() == text:
        return 0
    print(f"{target.relative_to(ROOT)} is stale: run tools/generate_exports.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
