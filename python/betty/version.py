"""Versions: this library's, and of devices that are not there."""

from betty import _native

__version__ = _native.version()
cuda = hip = xpu = git_version = None
debug = False
