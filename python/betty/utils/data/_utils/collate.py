"""What joins samples, where PyTorch keeps it."""

from betty.utils.data.collate import default_collate, default_convert

__all__ = ["default_collate", "default_convert"]
