"""Duty: tables in Markdown, and RESULTS.md kept by sections: each program of this folder owns one
for each kind of processor that it was run on.

Invariant: writing a section leaves the others as they are.
"""

import os
import platform
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def processor() -> str:
    """The name of this machine's processor and the width of its vectors."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    about = {key.strip(): value.strip() for key, _, value in (s.partition(":") for s in lines)}
    name = about.get("model name", platform.machine()).replace("(R)", "")
    name = name.replace(" Processor", "")
    flags = about.get("flags", "").split()
    wide = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE"
    return f"{name} with {wide}"


def readable(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Rows of text as a table whose columns line up."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: list[str]) -> str:
        return f"| {' | '.join(map(str.ljust, row, widths))} |"

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


def write_section(title: str, text: str) -> None:
    """Puts `text` under the heading `title` of RESULTS.md, in place of what was there for this kind
    of processor, or after what is there for others.
    """
    heading = f"## {title}, {processor()}\n"
    about = f"{os.cpu_count()} processors, {date.today().isoformat()}."
    section = f"{heading}\n{about}\n\n{text.strip()}\n"
    parts = RESULTS.read_text().split("\n## ") if RESULTS.exists() else ["# Results\n"]
    head, sections = parts[0], ["## " + part.strip() + "\n" for part in parts[1:]]
    places = [i for i, part in enumerate(sections) if part.startswith(heading)]
    alike = [i for i, part in enumerate(sections) if part.startswith(f"## {title}, ")]
    if places:
        sections[places[0]] = section
    else:
        sections.insert(alike[-1] + 1 if alike else len(sections), section)
    RESULTS.write_text("\n".join([head.strip() + "\n", *sections]))
