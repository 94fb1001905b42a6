"""Utilities: data loading."""

from betty.utils import data

__all__ = ["data"]
