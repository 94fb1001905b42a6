"""Switches of oneDNN, which is not used."""


def is_available() -> bool:
    """False: it is not there."""
    return False
