"""Import time of the installed package, and the wheel: its size, and its build from a clean tree.

    python package.py -|build THREADS

Building takes minutes, so it is only done when asked for; else the wheel in dist/ is looked at.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clock import arguments, report

ROOT = Path(__file__).resolve().parents[1]


def seconds_of(command: list[str], **variables: str) -> float:
    start = time.perf_counter()
    environment = os.environ | variables
    subprocess.run(command, check=True, env=environment, stdout=sys.stderr)
    return time.perf_counter() - start


def started(program: str) -> float:
    """Seconds of a fresh interpreter that runs the program."""
    return statistics.median(seconds_of([sys.executable, "-c", program]) for _ in range(7))


def wheel_size(folder: Path) -> dict[str, float]:
    wheels = sorted(folder.glob("betty-*.whl"))
    return {"wheel, MB": wheels[-1].stat().st_size / 1e6} if wheels else {}


def built() -> dict[str, float]:
    """The wheel, built with nothing kept from before."""
    with tempfile.TemporaryDirectory() as folder:
        program = f"import betty_build; betty_build.build_wheel({folder!r})"
        paths = {"PYTHONPATH": str(ROOT / "python"), "BETTY_SCRATCH": f"{folder}/build"}
        seconds = seconds_of([sys.executable, "-c", program], **paths)
        return {"build from clean": seconds} | wheel_size(Path(folder))


def main() -> None:
    what, _ = arguments()
    found = {"import betty, beyond NumPy": started("import numpy, betty") - started("import numpy")}
    report(found | (built() if what == "build" else wheel_size(ROOT / "dist")))


if __name__ == "__main__":
    main()
