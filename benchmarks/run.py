"""Measure this machine: `make bench`, or python benchmarks/run.py [--build] [--write] [--only ...].

Duty: start each measuring program of this folder in a process of its own (Betty's with this
interpreter, PyTorch's with the one that BETTY_PEER_PYTHON names), on one thread and on two, each
kept on as many processors, and print one table: medians, how many times faster Betty is than the
others, and the goal.

The machine must be idle: whatever else runs is in the figures.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
# Settings meant for another OpenBLAS or OpenMP would be measured instead of the libraries.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
PROGRAMS = ("operations", "logistic", "loop", "package")
GOALS = {
    "record a + b": "under 100 ns",
    "a * b + c, tanh: 10 floats": "under 2 µs",
    "matmul": "0.95 × OpenBLAS, 1.8 × PyTorch",
    "gelu": "1/1.6 of by hand, 3 × PyTorch",
    "Adam": "1/1.6 of by hand, 3 × PyTorch",
    "softmax": "2 × PyTorch",
    "sum": "2 × PyTorch",
    "tanh": "2 × PyTorch",
    "exp": "2 × PyTorch",
    "logistic program, a lower step, replay": "under 2.5 µs",
    "logistic program, a lower step": "under 15 µs",
    "engine loop, a step of one number, replay": "under 1 µs",
    "engine loop, a step of one number": "under 10 µs",
    "import betty": "under 100 ms",
    "wheel": "under 15 MB",
    "build from clean": "under 6 min on two processors",
}


def measure(python: str, program: str, library: str, threads: int) -> dict[str, float]:
    """The figures of one program, by name; empty, with a word on stderr, if it fails."""
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    environment["BETTY_NUM_THREADS"] = str(threads)
    if library == "torch":
        environment.pop("PYTHONPATH", None)
    command = [python, str(HERE / f"{program}.py"), library, str(threads)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        print(f"{program} of {library}, {threads} threads, failed: {last}", file=sys.stderr)
        return {}
    return json.loads(done.stdout.splitlines()[-1])


def times_faster(ours: float, theirs: float | None) -> str:
    return "" if theirs is None else f"{theirs / ours:.2f} ×"


def goal(name: str) -> str:
    return next((text for start, text in GOALS.items() if name.startswith(start)), "")


def rows(program: str, peer: str | None, threads: int, build: bool) -> list[list[str]]:
    """The rows of the table that a program gives on so many threads."""
    library = "betty" if program != "package" else "build" if build else "-"
    ours = measure(sys.executable, program, library, threads)
    straight = measure(sys.executable, "straight", "-", threads) if program == "operations" else {}
    theirs = measure(peer, program, "torch", threads) if peer and program != "package" else {}
    table = []
    for name, seconds in ours.items():
        if name.endswith("MB"):
            table.append([name, "", f"{seconds:.1f}", "", "", goal(name)])
            continue
        ratios = [times_faster(seconds, side.get(name)) for side in (straight, theirs)]
        table.append([name, str(threads), report.readable(seconds), *ratios, goal(name)])
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--build", action="store_true", help="build from clean, too: minutes")
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    options = parser.parse_args()
    peer = os.environ.get("BETTY_PEER_PYTHON")
    if peer is None:
        print("BETTY_PEER_PYTHON names no Python with PyTorch: Betty is measured alone")
    table = []
    for program in options.only:
        for threads in options.threads[-1:] if program == "package" else options.threads:
            table += rows(program, peer, threads, options.build)
    head = ["", "threads", "Betty", "OpenBLAS, by hand", "PyTorch", "goal"]
    text = report.table(head, table)
    print(text)
    if options.write:
        note = "Columns of others: how many times faster Betty is. Written by `run.py --write`."
        report.write_section("Operations and the logistic program", f"{note}\n\n{text}")


if __name__ == "__main__":
    main()
