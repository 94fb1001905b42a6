"""Settings and figures of the process: random numbers, threads, counters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from betty import _native
from betty._native import Tensor, evaluate
from betty._types import CPU, check_device

__all__ = [
    "counters",
    "dump",
    "evaluate",
    "get_num_threads",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "memory_stats",
    "seed",
    "set_num_threads",
    "set_rng_state",
]


class Generator:
    """A sequence of random numbers of its own, for what takes `generator=`.

    Example:
        >>> import betty
        >>> draws = [betty.rand(2, generator=betty.Generator().manual_seed(3)) for _ in range(2)]
        >>> bool((draws[0] == draws[1]).all())
        True
    """

    def __init__(self, device: object = "cpu") -> None:
        check_device(device)
        self.device = CPU
        self._state = (67280421310721, 0)

    def manual_seed(self, seed: int) -> Generator:
        self._state = (int(seed), 0)
        return self

    def seed(self) -> int:
        fresh = int.from_bytes(os.urandom(7), "little")
        self.manual_seed(fresh)
        return fresh

    def initial_seed(self) -> int:
        return self._state[0]

    def get_state(self) -> Tensor:
        from betty._creation import tensor

        return tensor(list(self._state))

    def set_state(self, new_state: Tensor) -> Generator:
        seed, position = new_state.tolist()
        self._state = (seed, position)
        return self


class _DefaultGenerator(Generator):
    """The sequence that everything draws from unless told otherwise."""

    @property  # type: ignore[override]
    def _state(self) -> tuple[int, int]:
        return _native.random_state()

    @_state.setter
    def _state(self, state: tuple[int, int]) -> None:
        _native.restore_random(*state)

    def __init__(self) -> None:
        self.device = CPU


@contextmanager
def drawing(generator: Generator | None) -> Iterator[None]:
    """What is drawn inside comes from this generator; None is the default one."""
    if generator is None or isinstance(generator, _DefaultGenerator):
        yield
        return
    if not isinstance(generator, Generator):
        raise TypeError(f"expected a betty.Generator, got {type(generator).__name__}")
    before = _native.random_state()
    _native.restore_random(*generator._state)
    try:
        yield
    finally:
        generator._state = _native.random_state()
        _native.restore_random(*before)


default_generator = _DefaultGenerator()


def manual_seed(seed: int) -> Generator:
    """Restart the random numbers: equal seeds give equal numbers."""
    _native.set_seed(int(seed))
    return default_generator


def seed() -> int:
    """Restart the random numbers somewhere new; returns the seed."""
    fresh = int.from_bytes(os.urandom(7), "little")
    manual_seed(fresh)
    return fresh


def initial_seed() -> int:
    return _native.random_state()[0]


def get_rng_state() -> Tensor:
    """Where the random numbers are, for set_rng_state."""
    from betty._creation import tensor

    return tensor(list(_native.random_state()))


def set_rng_state(new_state: Tensor) -> None:
    _native.restore_random(*new_state.tolist())


def set_num_threads(num: int) -> None:
    """Threads that work on one evaluation."""
    _native.set_threads(num)


def get_num_threads() -> int:
    return _native.get_threads()


def counters() -> dict[str, int]:
    """Exact figures since the process began: recordings, cache hits, compilations, kernels, ..."""
    return {k: v for k, v in _native.counters().items() if not k.startswith("memory_")}


def memory_stats() -> dict[str, int]:
    """Bytes of tensors now, at most so far, and kept for reuse."""
    figures = _native.counters()
    return {k.removeprefix("memory_"): v for k, v in figures.items() if k.startswith("memory_")}


def dump(what: Any) -> str:
    """What the engine made of recorded Python, as text.

    Args:
        what: A tensor that is not computed yet, or a problem that has taken a step.

    Returns:
        For a tensor the recorded graph, and the program that would compute it: its steps, where
        their operands lie, the bytes planned. For a problem the same of each structure that its
        steps have had: the recorded loss, the graph of the whole step (loss, gradients, update) and
        its program.

    Example:
        >>> import betty
        >>> text = betty.dump(betty.tensor([1.0, 2.0]).exp() * 2)
        >>> print(text[text.index("program"):])  # doctest: +ELLIPSIS
        program: 1 steps, ...
    """
    if isinstance(what, Tensor):
        return what._dump()
    if not hasattr(what, "dump"):
        raise TypeError(f"dump: expected a Tensor or a Problem, got {type(what).__name__}")
    return what.dump()


def _assert(condition: object, message: str) -> None:
    """Python's assert under the name that programs for PyTorch call."""
    assert condition, message
