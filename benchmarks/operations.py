"""Single operations, in either library: the same text is timed with betty and with torch.

python operations.py betty|torch THREADS
"""

import importlib
from types import ModuleType

from clock import arguments, median, report

LARGE = 10_000_000  # floats: far beyond every cache
CACHED = (128, 512)  # a quarter of a megabyte
SIZES = (256, 1024, 2048)


class Library:
    """One of the two libraries; `done` makes sure that a result has been computed."""

    def __init__(self, name: str, threads: int) -> None:
        self.t: ModuleType = importlib.import_module(name)
        self.functional: ModuleType = importlib.import_module(f"{name}.nn.functional")
        self.optim: ModuleType = importlib.import_module(f"{name}.optim")
        self.t.set_num_threads(threads)
        self.done = self.t.evaluate if name == "betty" else (lambda result: None)


def recording(library: Library) -> dict[str, float]:
    """What Python pays for an operation, apart from computing it."""
    t, done = library.t, library.done
    a, b, c = (t.rand(10) for _ in range(3))
    done(a + b + c)

    def record() -> None:
        for _ in range(100):
            a + b

    return {
        "record a + b": median(record) / 100,
        "a * b + c, tanh: 10 floats": median(lambda: done((a * b + c).tanh())),
    }


def products(library: Library) -> dict[str, float]:
    """Square products of f32 and of bf16 matrices."""
    found = {}
    for name, dtype in (("matmul", library.t.float32), ("matmul bf16", library.t.bfloat16)):
        for size in SIZES:
            a, b = (library.t.rand(size, size).to(dtype) for _ in range(2))
            library.done(a), library.done(b)
            found[f"{name} {size}"] = median(lambda a=a, b=b: library.done(a @ b))
    return found


def cached(library: Library) -> dict[str, float]:
    """Operations on what stays in cache."""
    done = library.done
    x = library.t.rand(*CACHED)
    works = {
        "softmax": lambda: done(x.softmax(-1)),
        "sum": lambda: done(x.sum()),
        "tanh": lambda: done(x.tanh()),
        "exp": lambda: done(x.exp()),
    }
    return {f"{name} of 128 × 512": median(work) for name, work in works.items()}


def large(library: Library) -> dict[str, float]:
    """Elementwise work on ten million floats: fusion shows."""
    t, gelu = library.t, library.functional.gelu
    a, x, b, m, r = (t.rand(LARGE) for _ in range(5))
    chain = median(lambda: library.done(gelu(a * x + b) * m + r))
    parameter = library.t.nn.Parameter(r)
    parameter.grad = t.rand(LARGE)
    adam = library.optim.Adam([parameter], lr=1e-3)

    def step() -> None:
        adam.step()
        library.done(parameter)

    return {"gelu(a x + b) m + r, 10⁷": chain, "Adam, 10⁷": median(step)}


def main() -> None:
    library = Library(*arguments())
    found: dict[str, float] = {}
    for group in (recording, products, cached, large):
        found |= group(library)
    report(found)


if __name__ == "__main__":
    main()
