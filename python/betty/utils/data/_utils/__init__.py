"""The inside of the loader, where PyTorch keeps it."""

from betty.utils.data._utils import collate

__all__ = ["collate"]
