"""Measure whole bilevel programs beside their peers: python benchmarks/bilevel.py [NAME ...]

Duty: run each program of programs/ alone, in a process of its own: on Betty with `torch` replaced
by `betty` in its text, on PyTorch with the original library as it is and as an expert would tune it
for this processor, and as JAX compiles the same work. Prints medians and peak memory, and how Betty
compares with the best peer of that row. `make peers` makes the environments of the peers.

The machine must be idle: whatever else runs is in the figures.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
PEERS = Path(os.environ.get("BETTY_PEERS", HERE.parent / ".peers"))
# Steps measured and steps before: (Betty and JAX), (PyTorch, which is slower).
STEPS = {
    "b1_logistic": ((20000, 2000), (2000, 500)),
    "b2_mwn_mlp": ((1000, 100), (200, 20)),
    "b3_mwn_resnet32": ((8, 2), (4, 1)),
    "b4_bert": ((3, 1), (2, 1)),
    "b5_imaml": ((200, 20), (50, 10)),
    "b6_nas": ((4, 1), (2, 1)),
    "b7_maml_sinusoid": ((1000, 100), (100, 10)),
    "b8_neumann": ((400, 40), (100, 10)),
}
GOALS = {
    "b2_mwn_mlp": "1.5 ×",
    "b3_mwn_resnet32": "1.5 ×, 0.6 × memory",
    "b4_bert": "1.4 ×, 0.85 × memory",
    "b5_imaml": "1.8 ×",
    "b6_nas": "2.5 ×",
    "b7_maml_sinusoid": "1.5 ×",
    "b8_neumann": "1.8 ×",
}
UNSET = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "REFERENCE",
    "PRECISION",
    "REPLICAS",
)
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "17179869184",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "67108864",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def translate(folder: Path) -> None:
    """The programs for Betty: the word torch becomes betty, and nothing else changes."""
    for source in PROGRAMS.glob("*.py"):
        if source.name != "sitecustomize.py" and not source.name.startswith("jax_"):
            text = re.sub(r"\btorch\b", "betty", source.read_text())
            (folder / source.name).write_text(text)


def tuned(folder: Path) -> dict[str, str]:
    """Settings that let MKL use AVX-512 on any processor, and malloc keep its pages."""
    library = folder / "mkl.so"
    if not library.exists() and shutil.which("cc"):
        source = "int mkl_serv_intel_cpu_true(void) { return 1; }"
        command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
        subprocess.run(command, input=source, text=True, check=True)
    return {**MALLOC, "LD_PRELOAD": str(library)} if library.exists() else MALLOC


def sides(name: str, scratch: Path) -> Iterator[tuple[str, list[str], Path, dict[str, str]]]:
    """Who runs a program: label, command, working folder, settings."""
    yield "Betty", [sys.executable, f"{name}.py"], scratch, {}
    torch, jax = (str(PEERS / peer / "bin" / "python") for peer in ("torch", "jax"))
    if Path(torch).exists():
        reference = {"REFERENCE": "1", "PYTHONPATH": str(PROGRAMS)}
        yield "PyTorch", [torch, f"{name}.py"], PROGRAMS, reference
        yield "PyTorch, tuned", [torch, f"{name}.py"], PROGRAMS, {**reference, **tuned(scratch)}
    if Path(jax).exists() and (PROGRAMS / f"jax_{name}.py").exists():
        yield "JAX", [jax, f"jax_{name}.py"], PROGRAMS, {"JAX_PLATFORMS": "cpu"}


def once(
    command: list[str], folder: Path, settings: dict[str, str], threads: int, steps: tuple[int, int]
) -> dict | None:
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    environment |= {"THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    environment |= {"STEPS": str(steps[0]), "WARMUP": str(steps[1])}
    environment |= {"BETTY_NUM_THREADS": str(threads), "PYTHONDONTWRITEBYTECODE": "1", **settings}
    pinned = ["taskset", "-c", "0" if threads == 1 else "0,1", *command]
    done = subprocess.run(
        pinned, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{' '.join(command)}, {threads} threads, failed: {last}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(name: str, threads: int, runs: int, scratch: Path) -> dict[str, dict]:
    """The medians of each side; the sides take turns, so that all see the same machine."""
    found: dict[str, list[dict]] = {}
    for _ in range(runs):
        for label, command, folder, settings in sides(name, scratch):
            quick, slow = STEPS[name]
            steps = slow if label.startswith("PyTorch") else quick
            row = once(command, folder, settings, threads, steps)
            if row:
                found.setdefault(label, []).append(row)
    keys = ("seconds_per_step", "peak_rss_mb", "compile_seconds")
    return {
        label: {key: statistics.median(row.get(key, 0.0) for row in rows) for key in keys}
        for label, rows in found.items()
    }


def row(name: str, threads: int, found: dict[str, dict]) -> list[str]:
    ours = found["Betty"]
    peers = {label: side for label, side in found.items() if label != "Betty"}
    times = "; ".join(
        f"{label} {report.readable(side['seconds_per_step'])}, {side['peak_rss_mb']:.0f} MB"
        for label, side in peers.items()
    )
    speed = memory = ""
    if peers:
        best = min(peers.values(), key=lambda side: side["seconds_per_step"])
        speed = f"{best['seconds_per_step'] / ours['seconds_per_step']:.2f} ×"
        memory = f"{ours['peak_rss_mb'] / best['peak_rss_mb']:.2f} ×"
    time = report.readable(ours["seconds_per_step"])
    compiled = report.readable(max(ours["compile_seconds"], 0.0))
    about = [name, str(threads), time, f"{ours['peak_rss_mb']:.0f} MB", compiled]
    return [*about, speed, memory, GOALS.get(name, ""), times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(STEPS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="keep the table in RESULTS.md")
    options = parser.parse_args()
    names = [name for name in STEPS if any(name.startswith(each) for each in options.names)]
    head = ["program", "threads", "Betty, a step", "peak", "compiling", "best peer's time",
            "best peer's memory", "goal", "peers"]  # fmt: skip
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        translate(Path(folder))
        for name in names:
            for threads in options.threads:
                found = measure(name, threads, options.runs, Path(folder))
                if "Betty" in found:
                    rows.append(row(name, threads, found))
                    print(*rows[-1], sep=" | ", flush=True)
    text = report.table(head, rows)
    print(text)
    if options.write:
        note = (
            f"Medians of {options.runs} runs. Time: how many times faster Betty is than the "
            "fastest peer; memory: Betty's peak as a share of that peer's. Compiling: the first "
            "steps less usual ones. Written by `bilevel.py --write`."
        )
        report.write_section("Bilevel programs", f"{note}\n\n{text}")


if __name__ == "__main__":
    main()
