"""What the engine is held against beside another library: OpenBLAS called straight, loops by hand.

    python straight.py - THREADS

The loops of byhand.c are compiled for this processor and run on one thread.
"""

import ctypes
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import report
from clock import arguments, median
from clock import report as tell
from operations import LARGE, SIZES

ROW_MAJOR, AS_IT_IS = 101, 111


def openblas() -> ctypes.CDLL | None:
    """The system's library, the same that Betty is linked with.

    On a processor newer than itself it takes its slowest kernels unless told; so it is told.
    """
    if report.processor().endswith("AVX-512"):
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    try:
        return ctypes.CDLL("libopenblas.so.0")
    except OSError:
        return None


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def products(threads: int) -> dict[str, float]:
    blas = openblas()
    if blas is None:
        return {}
    blas.openblas_set_num_threads(threads)
    found = {}
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    for n in SIZES:
        a, b = (np.random.rand(n, n).astype(np.float32) for _ in range(2))
        c = np.zeros((n, n), np.float32)
        rest = (one, pointer(a), n, pointer(b), n, zero, pointer(c), n)
        call = (ROW_MAJOR, AS_IT_IS, AS_IT_IS, n, n, n, *rest)
        found[f"matmul {n}"] = median(lambda call=call: blas.cblas_sgemm(*call))
        if not np.allclose(c, a @ b, rtol=1e-3):
            raise SystemExit("straight.py: libopenblas.so.0 gives another product than NumPy")
    return found


def loops() -> dict[str, float]:
    source = Path(__file__).with_name("byhand.c")
    with tempfile.TemporaryDirectory() as folder:
        target = f"{folder}/byhand.so"
        flags = ["-Ofast", "-march=native", "-shared", "-fPIC"]
        subprocess.run(["cc", *flags, str(source), "-o", target, "-lm"], check=True)
        library = ctypes.CDLL(target)
    a, x, b, m, r, out = (np.random.rand(LARGE).astype(np.float32) for _ in range(6))
    arrays = [pointer(each) for each in (a, x, b, m, r, out)]
    count = ctypes.c_size_t(LARGE)
    chain = median(lambda: library.chain(*arrays, count))
    numbers = ctypes.c_float(1e-3), ctypes.c_float(1.0)
    adam = median(lambda: library.adam(*arrays[:4], *numbers, count))
    return {"gelu(a x + b) m + r, 10⁷": chain, "Adam, 10⁷": adam}


def main() -> None:
    _, threads = arguments()
    tell(products(threads) | (loops() if threads == 1 else {}))


if __name__ == "__main__":
    main()
