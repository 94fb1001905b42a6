"""The loader, where PyTorch keeps it."""

from betty.utils.data.collate import default_collate, default_convert
from betty.utils.data.loader import DataLoader, get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
