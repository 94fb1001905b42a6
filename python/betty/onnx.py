"""Export to ONNX, which there is not: programs may ask whether they are being exported."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["export", "is_in_onnx_export", "is_onnxrt_backend_supported"]


def export(model: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: there is no such export.

    Raises:
        NotImplementedError: Always; it says what there is instead.
    """
    raise NotImplementedError(
        "onnx.export: there is no export; save the model's state_dict() with betty.save, a "
        "safetensors file that PyTorch loads, and export it from there"
    )


dynamo_export = export


def is_in_onnx_export() -> bool:
    """False: nothing is exported."""
    return False


def is_onnxrt_backend_supported() -> bool:
    """False: every step is compiled by the engine."""
    return False
