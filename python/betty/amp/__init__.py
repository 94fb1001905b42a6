"""Mixed precision for code outside problems, under the names of ``torch.amp``.

Within problems it is an option: ``Config(precision="bf16")``.
"""

from betty.amp.autocast_mode import autocast, get_autocast_dtype, is_autocast_enabled
from betty.amp.functions import custom_bwd, custom_fwd, is_autocast_available
from betty.amp.grad_scaler import GradScaler

__all__ = [
    "GradScaler", "autocast", "custom_bwd", "custom_fwd", "get_autocast_dtype",
    "is_autocast_available", "is_autocast_enabled",
]  # fmt: skip
