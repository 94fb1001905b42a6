"""Data sets and loaders, under PyTorch's names."""

from betty.utils.data.dataset import Dataset, Subset, TensorDataset, random_split
from betty.utils.data.loader import DataLoader, default_collate

__all__ = [
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "default_collate",
    "random_split",
]
