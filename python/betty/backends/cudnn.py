"""Switches of cuDNN, which is not used."""

enabled = False
benchmark = False
deterministic = True
allow_tf32 = False


def is_available() -> bool:
    """False: there is no GPU."""
    return False


def version() -> None:
    """None: it is not there."""
