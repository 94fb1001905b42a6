"""Modules over several devices, of which there is one."""

from __future__ import annotations

from typing import Any

from betty.nn.module import Module

__all__ = ["DataParallel", "DistributedDataParallel"]


class DataParallel(Module):
    """Calls ``module``; its parameters are named ``module. ...``, as in PyTorch.

    Threads share the work of one program here; ``EngineConfig(strategy="data_parallel")`` splits a
    problem's batches.
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


class DistributedDataParallel(Module):
    """Refused: there are no other processes.

    Raises:
        RuntimeError: Always; it says what there is instead.
    """

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            "DistributedDataParallel: there is one process; use "
            "EngineConfig(strategy='data_parallel', replicas=n), or the module as it is"
        )
