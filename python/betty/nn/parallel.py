"""Modules over several devices, of which there is one."""

from __future__ import annotations

from typing import Any

from betty._stand_ins import stand_in
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


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Calls ``module``: threads share the work of one program here.

    Args:
        module: The module.
        inputs: Its argument, or a tuple of them.
        device_ids: Accepted for migration; so are ``output_device`` and ``dim``.
        output_device: See ``device_ids``.
        dim: See ``device_ids``.
        module_kwargs: Its arguments by name.

    Returns:
        What the module gives.

    Example:
        >>> import betty
        >>> from betty.nn.parallel import data_parallel
        >>> data_parallel(betty.nn.ReLU(), betty.tensor([-1.0, 1.0]))
        tensor([0., 1.])
    """
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*given, **(module_kwargs or {}))


stand_in(
    f"{__name__}.data_parallel", {"DataParallel": DataParallel, "data_parallel": data_parallel}
)
stand_in(f"{__name__}.distributed", {"DistributedDataParallel": DistributedDataParallel})
