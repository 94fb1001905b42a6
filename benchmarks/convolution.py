"""Measure convolutions beside PyTorch: python benchmarks/convolution.py [--write] [--one]

Duty: each shape forward, backward to the input and backward to the filters, in GFLOP/s, with every
tap counted, in f32 and the first shapes in bf16. Betty reads and writes channels last, as between
the layers of a network; PyTorch does both of its layouts. Libraries run alone, in processes of
their own; one thread is measured in processor time, so that other work on the machine shows less;
two (not with --one) need it idle.
`make peers` makes PyTorch's environment.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import report

HERE = Path(__file__).resolve()
PEERS = Path(os.environ.get("BETTY_PEERS", HERE.parents[1] / ".peers"))
# (name, batch, channels, filters, height and width, taps, stride, dilation, groups)
SHAPES = [
    ("3×3", 100, 16, 16, 32, 3, 1, 1, 1),
    ("3×3", 100, 32, 32, 16, 3, 1, 1, 1),
    ("3×3", 100, 64, 64, 8, 3, 1, 1, 1),
    ("3×3", 32, 64, 64, 56, 3, 1, 1, 1),
    ("3×3", 32, 256, 256, 14, 3, 1, 1, 1),
    ("3×3, stride 2", 100, 16, 32, 32, 3, 2, 1, 1),
    ("3×3, first layer", 100, 3, 16, 32, 3, 1, 1, 1),
    ("1×1", 32, 64, 64, 56, 1, 1, 1, 1),
    ("1×1", 100, 64, 128, 16, 1, 1, 1, 1),
    ("1×1, stride 2", 100, 16, 32, 32, 1, 2, 1, 1),
    ("3×3, few-shot", 25, 64, 64, 14, 3, 1, 1, 1),
    ("3×3, few-shot", 25, 64, 64, 7, 3, 1, 1, 1),
    ("3×3, few-shot", 25, 64, 64, 3, 3, 1, 1, 1),
    ("depthwise 3×3", 32, 64, 64, 56, 3, 1, 1, 64),
    ("depthwise 3×3", 16, 8, 8, 32, 3, 1, 1, 8),
    ("depthwise 5×5, dilation 2", 16, 8, 8, 32, 5, 1, 2, 8),
    ("depthwise 3×3, stride 2", 16, 8, 8, 32, 3, 2, 1, 8),
    ("1×1", 16, 8, 8, 32, 1, 1, 1, 1),
]
# The same with an element type.
CASES = [(*shape, "float32") for shape in SHAPES] + [(*shape, "bfloat16") for shape in SHAPES[:5]]
Work = Callable[[], object]


def least(work: Work, clock: Callable[[], float]) -> float:
    """The least seconds of a call; the first two are left out."""
    work(), work()
    found = []
    until = time.perf_counter() + 0.1
    while len(found) < 8 or time.perf_counter() < until:
        start = clock()
        work()
        found.append(clock() - start)
    return min(found)


def betty_calls(
    x, w, g, stride: int, pad: int, dilation: int, groups: int, dtype: str
) -> list[list[Work]]:
    """Forward and each backward, which does not compute the result."""
    import betty
    import betty.nn.functional as F

    x, w, g = (betty.from_numpy(value).to(getattr(betty, dtype)) for value in (x, w, g))
    betty.evaluate(x, w, g)

    def forward(x, w):
        y = F.conv2d(x.permute(0, 3, 1, 2), w, None, stride, pad, dilation, groups)
        return y.permute(0, 2, 3, 1)

    def backward(position: int) -> Work:
        leaves = [x, w]
        leaf = leaves[position] = leaves[position].clone().detach().requires_grad_()
        return lambda: betty.evaluate(*betty.autograd.grad(forward(*leaves), [leaf], g))

    def inference() -> None:
        with betty.no_grad():
            betty.evaluate(forward(x, w))

    return [[inference, backward(0), backward(1)]]


def torch_calls(
    x, w, g, stride: int, pad: int, dilation: int, groups: int, dtype: str
) -> list[list[Work]]:
    """Forward and each backward, channels first and last."""
    import torch

    torch.set_grad_enabled(False)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        a, b, c = (
            torch.from_numpy(v).to(getattr(torch, dtype)).contiguous(memory_format=layout)
            for v in (x.transpose(0, 3, 1, 2), w, g.transpose(0, 3, 1, 2))
        )
        sizes = ([stride] * 2, [pad] * 2, [dilation] * 2)

        def forward(a=a, b=b):
            return torch.nn.functional.conv2d(a, b, None, stride, pad, dilation, groups)

        def backward(mask, a=a, b=b, c=c, sizes=sizes) -> Work:
            return lambda: torch.ops.aten.convolution_backward(
                c, a, b, None, *sizes, False, [0, 0], groups, mask
            )

        found.append([forward, backward([True, False, False]), backward([False, True, False])])
    return found


def side(library: str, threads: int) -> None:
    """Prints the GFLOP/s of every shape, three for each layout."""
    __import__(library).set_num_threads(threads)
    calls = betty_calls if library == "betty" else torch_calls
    clock = time.thread_time if threads == 1 else time.perf_counter
    rng = np.random.default_rng(0)
    found = []
    for _, n, c, k, h, taps, stride, dilation, groups, dtype in CASES:
        pad = dilation * (taps - 1) // 2
        out = (h + 2 * pad - dilation * (taps - 1) - 1) // stride + 1
        shapes = ((n, h, h, c), (k, c // groups, taps, taps), (n, out, out, k))
        arrays = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
        work = 2e-9 * n * out * out * k * (c // groups) * taps * taps
        row = []
        for triple in calls(*arrays, stride, pad, dilation, groups, dtype):
            seconds = [least(call, clock) for call in triple]
            row.append([work / s for s in seconds])
        found.append(row)
    print(json.dumps(found))


def run(python: str, library: str, threads: int) -> list | None:
    """The figures of one library, or None where it is not installed."""
    if not Path(python).exists():
        return None
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [python, str(HERE), "--side", library, str(threads)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def main() -> None:
    if sys.argv[1:2] == ["--side"]:
        side(sys.argv[2], int(sys.argv[3]))
        return
    head = ["", "type", "N, C, K, H", "threads", "Betty", "PyTorch", "PyTorch, channels last"]
    rows = []
    for threads in (1,) if "--one" in sys.argv else (1, 2):
        ours = run(sys.executable, "betty", threads)
        theirs = run(str(PEERS / "torch" / "bin" / "python"), "torch", threads)
        for place, (name, n, c, k, h, *_, dtype) in enumerate(CASES):
            triples = [ours[place][0], *(theirs[place] if theirs else [[], []])]
            texts = [" / ".join(f"{v:.0f}" for v in triple) for triple in triples]
            rows.append([name, dtype, f"{n}, {c}, {k}, {h}", str(threads), *texts])
    text = "GFLOP/s forward / backward to the input / backward to the filters.\n\n"
    text += report.table(head, rows)
    print(text)
    if "--write" in sys.argv:
        report.write_section("Convolutions", text)


if __name__ == "__main__":
    main()
