"""Where the figures of a run go: ``EngineConfig.logger_type`` picks one of these.

=============  ==================================================================================
type           writes
=============  ==================================================================================
none, console  a line a record, through Python's logger ``betty``
tensorboard    the lines, and scalars under ``betty_tensorboard/`` (needs tensorboard's writer)
wandb          the lines, and scalars to Weights & Biases (needs wandb; offline as well)
jsonl          the lines, and one JSON object a record in ``betty_log.jsonl``
=============  ==================================================================================

Values are read when a record is written and at no other time.
"""

from betty.logging.logger_base import LoggerBase, format_losses, get_logger, scalars
from betty.logging.logger_jsonl import JsonLinesLogger
from betty.logging.logger_tensorboard import TensorBoardLogger
from betty.logging.logger_wandb import WandBLogger

__all__ = [
    "JsonLinesLogger",
    "LoggerBase",
    "TensorBoardLogger",
    "WandBLogger",
    "format_losses",
    "get_logger",
    "logger",
    "logger_mapping",
    "scalars",
]

logger_mapping: dict[str, type[LoggerBase]] = {
    "none": LoggerBase,
    "console": LoggerBase,
    "tensorboard": TensorBoardLogger,
    "wandb": WandBLogger,
    "jsonl": JsonLinesLogger,
}


def logger(logger_type: str = "none") -> LoggerBase:
    """A logger of a type.

    Raises:
        ValueError: The type is none of ``logger_mapping``.
        ImportError: What it writes to is not installed.

    Example:
        >>> import betty.logging
        >>> betty.logging.logger("none").log({"loss": 1.0}, tag="classifier", step=3)
    """
    if logger_type not in logger_mapping:
        known = ", ".join(sorted(logger_mapping))
        raise ValueError(f"logger_type must be one of {known}, got {logger_type!r}")
    return logger_mapping[logger_type]()
