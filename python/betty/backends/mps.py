"""Switches of Apple's GPUs, which are not used."""


def is_available() -> bool:
    """False: it is not there."""
    return False


def is_built() -> bool:
    """False: this library computes on the processor."""
    return False
