"""AdamW, where PyTorch keeps it."""

from betty.optim.adam import AdamW

__all__ = ["AdamW"]
