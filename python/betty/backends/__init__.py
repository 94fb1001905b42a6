"""Switches of other engines, accepted so that programs which set them run unchanged."""

from types import SimpleNamespace

from betty.backends import cpu

__all__ = ["cpu", "cuda", "cudnn", "mps"]

cudnn = SimpleNamespace(
    enabled=False, benchmark=False, deterministic=True, is_available=lambda: False
)
cuda = SimpleNamespace(matmul=SimpleNamespace(allow_tf32=False), is_built=lambda: False)
mps = SimpleNamespace(is_available=lambda: False, is_built=lambda: False)
