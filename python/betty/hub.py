"""Weights by their address, from the files that are on this machine: nothing is downloaded."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any, NoReturn
from urllib.parse import unquote, urlparse

from betty._files import load as _load_file

__all__ = [
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url",
    "set_dir",
]  # fmt: skip

_HASH = re.compile(r"-([a-f0-9]*)\.")
_chosen: str | None = None


def get_dir() -> str:
    """The folder whose ``checkpoints`` hold the files: the one that PyTorch uses.

    That is what ``set_dir`` has set, else ``$TORCH_HOME/hub``, else ``torch/hub`` in
    ``$XDG_CACHE_HOME`` or ``~/.cache``.
    """
    if _chosen is not None:
        return _chosen
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    home = os.getenv("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Sets that folder."""
    global _chosen
    _chosen = os.path.expanduser(os.fspath(d))


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> dict[str, Any]:
    """What the file has that this address names, if it is on this machine.

    Args:
        url: The address; ``file:`` names a file itself.
        model_dir: Where the file lies; None means ``checkpoints`` in ``get_dir()``.
        map_location: Accepted for migration; so are ``progress`` and ``weights_only``.
        progress: See ``map_location``.
        check_hash: Compares the file's SHA-256 with the digits in its name.
        file_name: The file's name, where it is not the end of the address.
        weights_only: See ``map_location``.

    Returns:
        What ``betty.load`` gives.

    Raises:
        FileNotFoundError: The file is not there; the message says where it belongs.
        RuntimeError: The file is not the one whose digits its name has.

    Example:
        >>> import os, tempfile
        >>> import betty
        >>> folder = tempfile.mkdtemp()
        >>> betty.save({"weight": betty.ones(2)}, os.path.join(folder, "net-01.pth"))
        >>> address = "https://example.org/models/net-01.pth"
        >>> betty.hub.load_state_dict_from_url(address, model_dir=folder)
        {'weight': tensor([1., 1.])}
    """
    parts = urlparse(url)
    name = file_name or os.path.basename(parts.path)
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    path = os.path.join(folder, name)
    if parts.scheme == "file":
        path = unquote(parts.path)
    if not os.path.exists(path):
        _refuse("load_state_dict_from_url", url, path)
    digits = _HASH.search(name) if check_hash else None
    if digits is not None:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(digits.group(1)):
            raise RuntimeError(f"invalid hash value (expected {digits.group(1)!r}, got {found!r})")
    return _load_file(path, map_location)


def _refuse(function: str, url: str, path: str) -> NoReturn:
    raise FileNotFoundError(f"{function}: nothing is downloaded here; put {url} at {path}")


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> NoReturn:
    """Refused: nothing is downloaded.

    Raises:
        FileNotFoundError: Always; it says where the file belongs.
    """
    _refuse("download_url_to_file", url, dst)


def load(repo_or_dir: str, model: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused: a repository's code is written for PyTorch, and nothing is downloaded.

    Raises:
        RuntimeError: Always; it says what there is instead.
    """
    raise RuntimeError(
        f"hub.load: the code of {repo_or_dir!r} is not fetched or run; import {model!r} from its "
        "package with betty in the place of torch, and load its weights with betty.load"
    )


def list(github: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused, as ``load``.

    Raises:
        RuntimeError: Always.
    """
    load(github, "a model")


def help(github: str, model: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refused, as ``load``.

    Raises:
        RuntimeError: Always.
    """
    load(github, model)
