"""Switches of GPUs, of which there are none."""

from types import SimpleNamespace

matmul = SimpleNamespace(
    allow_tf32=False, allow_fp16_reduced_precision_reduction=False,
    allow_bf16_reduced_precision_reduction=False,
)  # fmt: skip


def is_built() -> bool:
    """False: this library computes on the processor."""
    return False


def enable_flash_sdp(enabled: bool) -> None:
    """Accepted: attention has one implementation."""


enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = enable_flash_sdp
