"""What the processor can do."""

from __future__ import annotations

from betty import _native

__all__ = ["has_bf16"]


def has_bf16() -> bool:
    """Whether products and convolutions of bf16 are faster than those of f32.

    Where they are not, bf16 halves the memory of what is stored and kernels calculate in f32.

    Returns:
        True on processors whose AVX512-BF16 is fast (AMD's), unless the environment variable
        BETTY_ISA asks for an older instruction set.

    Example:
        >>> import betty
        >>> betty.backends.cpu.has_bf16() in (True, False)
        True
    """
    return _native.has_bf16()
