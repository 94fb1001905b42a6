"""Python's ``multiprocessing`` with PyTorch's few names: tensors go to another process as copies.

The engine's threads are in one process; where they share the work nothing of this is needed.
"""

from __future__ import annotations

import multiprocessing as _python
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

__all__ = [
    "ProcessContext", "get_all_sharing_strategies", "get_sharing_strategy",
    "set_sharing_strategy", "spawn", "start_processes",
]  # fmt: skip
__all__ += [name for name in _python.__all__ if name not in __all__]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_python, name)


def get_all_sharing_strategies() -> set[str]:
    """PyTorch's names, of which none means memory in common."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """The usual one."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted: tensors are copied."""
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"set_sharing_strategy: there is no {new_strategy!r}")


class ProcessContext:
    """Processes that were started together.

    Args:
        processes: The processes.
    """

    def __init__(self, processes: Sequence[BaseProcess]) -> None:
        self.processes = list(processes)

    def pids(self) -> list[int | None]:
        """Their numbers."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None) -> bool:
        """Waits for one more process to end, or for all of them to have ended.

        Args:
            timeout: Seconds, at most.

        Returns:
            Whether all have ended.

        Raises:
            RuntimeError: One has failed; the others are ended.
        """
        from multiprocessing.connection import wait

        running = [process for process in self.processes if process.exitcode is None]
        if running:
            wait([process.sentinel for process in running], timeout)
        failed = [
            (place, process.exitcode)
            for place, process in enumerate(self.processes)
            if process.exitcode not in (0, None)
        ]
        if not failed:
            return all(process.exitcode == 0 for process in self.processes)
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join()
        raise RuntimeError(f"process {failed[0][0]} terminated with exit code {failed[0][1]}")


def start_processes(
    fn: Callable[..., Any],
    args: Sequence[Any] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Calls ``fn(i, *args)`` in process i of ``nprocs``.

    Args:
        fn: The function, defined at the top of a module.
        args: Its arguments after the number.
        nprocs: How many processes there are.
        join: Waits for them.
        daemon: They end with this one.
        start_method: ``"spawn"``, ``"forkserver"`` or ``"fork"``.

    Returns:
        The processes, or None after they have been waited for.

    Raises:
        RuntimeError: A process that is waited for has failed.
    """
    kind = _python.get_context(start_method)
    processes: list[BaseProcess] = [
        kind.Process(target=fn, args=(place, *args), daemon=daemon)  # type: ignore[attr-defined]
        for place in range(nprocs)
    ]
    for process in processes:
        process.start()
    context = ProcessContext(processes)
    if not join:
        return context
    while not context.join():
        pass
    return None


#: By default its interpreters are fresh ones, which is what this name says.
spawn = start_processes
