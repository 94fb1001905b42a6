"""Modules over several devices, of which there is one."""

from __future__ import annotations

from typing import Any

from betty.nn.module import Module

__all__ = ["DataParallel"]


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
