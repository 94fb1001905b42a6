"""Streams and events of GPUs, of which there are none: they can be named, not used."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from betty._native import Tensor
from betty._types import refuse_device

__all__ = ["TENSOR_TYPES", "Event", "Stream", "StreamContext", "device", "stream"]


def _refuse(*_: Any, **__: Any) -> NoReturn:
    """Refused: there is no GPU.

    Raises:
        RuntimeError: Always.
    """
    refuse_device("cuda")


class Stream:
    """A queue of a GPU.

    Raises:
        RuntimeError: Always: there is no GPU.
    """

    def __init__(self, device: Any = None, priority: int = 0, **options: Any) -> None:
        refuse_device("cuda")


class Event:
    """A mark in a queue of a GPU. It can be made, as in PyTorch where there is no GPU.

    For times on the processor there are ``time.perf_counter`` and ``betty.utils.benchmark``.
    """

    def __init__(
        self,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
        external: bool = False,
    ) -> None:
        self.enable_timing = enable_timing

    record = wait = synchronize = elapsed_time = _refuse

    def query(self) -> bool:
        """True: nothing is waited for."""
        return True


class StreamContext:
    """A context with another queue; None, the only choice, changes nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            refuse_device("cuda")

    def __exit__(self, *exception: object) -> None:
        pass


stream = StreamContext


class device:
    """A context with another GPU; None and numbers below 0, the only choices, change nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> Self:
        if self.idx is not None and not (isinstance(self.idx, int) and self.idx < 0):
            refuse_device(f"cuda:{self.idx}" if isinstance(self.idx, int) else str(self.idx))
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class _TensorType(type):
    """The class of ``cuda.FloatTensor`` and its kin: no tensor is an instance."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return False

    def __call__(cls, *arguments: Any, **keywords: Any) -> Tensor:
        raise RuntimeError(
            f"type betty.cuda.{cls.__name__} is not available, Betty computes on the processor: "
            f"betty.{cls.__name__}"
        )


TENSOR_TYPES = {
    name: _TensorType(name, (), {"__module__": "betty.cuda"})
    for name in (
        "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor",
        "HalfTensor", "IntTensor", "LongTensor", "ShortTensor",
    )
}  # fmt: skip
