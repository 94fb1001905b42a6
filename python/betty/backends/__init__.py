"""Switches of other engines, accepted so that programs which set them run unchanged."""

from betty.backends import cpu, cuda, cudnn, mkldnn, mps

__all__ = ["cpu", "cuda", "cudnn", "mkldnn", "mps"]
