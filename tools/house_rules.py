"""The house rules that a command can see, over every file git tracks.

Duty: file length, line length of C and shell, calls that may end the user's process, imports that
do not belong, words that say something is unfinished. Prints one line a breach and fails on any.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LENGTH = 400
WIDTH = 100
CODE = (".swift", ".py", ".c", ".sh")
WIDE = (".c", ".h", ".sh")
# One header is one contract: it is as long as the interface; so is what is generated from it.
LONG = {"include/betty.h", "python/betty/_functions.py"}

# (pattern, where it may not stand, why)
FORBIDDEN = [
    (r"^\s*(@\w+ )*(package |public |internal )?import Foundation", "Sources/", "no Foundation"),
    (r"\btry!|\bas!|\bfatalError\(", "Sources/", "may end the user's process"),
    (
        r"\b(TODO|FIXME|XXX)\b|(?i:not implemented\b)",
        ("Sources/", "python/", "include/"),
        "unfinished",
    ),
    (r"mark\.(skip|xfail)|\.disabled\(", "Tests/", "a test that does not run"),
]


def tracked() -> list[str]:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    return [name for name in names if name and (ROOT / name).is_file()]


def breaches(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    found = []
    if name.endswith(CODE) and name not in LONG and len(lines) >= LENGTH:
        found.append(f"{name}: {len(lines)} lines, split it by duty (fewer than {LENGTH})")
    for number, line in enumerate(lines, 1):
        if name.endswith(WIDE) and len(line) > WIDTH:
            found.append(f"{name}:{number}: {len(line)} columns, at most {WIDTH}")
        for pattern, where, why in FORBIDDEN:
            if name.startswith(where) and re.search(pattern, line):
                found.append(f"{name}:{number}: {why}: {line.strip()}")
    return found


def main() -> int:
    names = [name for name in tracked() if name.endswith((*CODE, ".h", ".pyi"))]
    found = [line for name in names for line in breaches(name)]
    print(*found, f"house rules: {len(names)} files, {len(found)} breaches", sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
