"""Run the examples of the documentation.

Duty: the ```python and ```c blocks of README.md and docs/*.md, and the doctests of every module of
the installed package. The Python blocks of a page run one after the other in one process, as a
reader would type them; a C block with a main is compiled against the installed library and run.
A block below the line <!-- not run --> is left out.
"""

import doctest
import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import betty

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(betty.__file__).parent
BLOCK = re.compile(
    r"^(?P<skip><!-- not run -->\n+)?```(?P<language>python|c)\n(?P<text>.*?)^```$", re.M | re.S
)


def blocks(page: str, language: str) -> list[str]:
    found = BLOCK.finditer(page)
    return [b["text"] for b in found if b["language"] == language and not b["skip"]]


def run(command: list[str], folder: str) -> str | None:
    """What the command said when it failed, or None."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip()


def run_python(texts: list[str], folder: str) -> str | None:
    script = Path(folder, "page.py")
    script.write_text("\n".join(texts))
    return run([sys.executable, str(script)], folder)


def run_c(text: str, folder: str) -> str | None:
    source, program = Path(folder, "page.c"), Path(folder, "page")
    source.write_text(text)
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(program)]
    command += [f"-I{PACKAGE / 'include'}", f"-L{PACKAGE}", "-lbetty", f"-Wl,-rpath,{PACKAGE}"]
    return run([*command, "-lm"], folder) or run([str(program)], folder)


def check_page(path: Path) -> tuple[int, int]:
    """Examples run and examples failed of one page."""
    page = path.read_text()
    name = path.relative_to(ROOT)
    python, c = blocks(page, "python"), blocks(page, "c")
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        if python:
            problems.append(run_python(python, folder))
        problems += [run_c(text, folder) for text in c if "int main" in text]
    problems = [text for text in problems if text is not None]
    for text in problems:
        print(f"FAILED {name}\n{text}")
    return len(python) + len(c), len(problems)


def check_docstrings() -> tuple[int, int]:
    """Docstring examples run and failed, over all modules of the package."""
    tried = failed = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        result = doctest.testmod(
            importlib.import_module(name), optionflags=doctest.ELLIPSIS, extraglobs={"betty": betty}
        )
        tried, failed = tried + result.attempted, failed + result.failed
    return tried, failed


def main() -> int:
    pages = [p for p in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))] if p.exists()]
    os.environ["MPLBACKEND"] = "Agg"
    results = [check_page(path) for path in pages]
    tried, failed = check_docstrings()
    examples, broken = (sum(column) for column in zip((0, 0), *results, strict=True))
    print(
        f"documentation: {examples} blocks in {len(pages)} pages, {broken} failed; "
        f"{tried} docstring examples, {failed} failed"
    )
    return int(bool(broken or failed))


if __name__ == "__main__":
    sys.exit(main())
