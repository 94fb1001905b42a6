"""Reading what `torch.save` has written, without running any of it.

A checkpoint is a pickle, which _pickles interprets, beside the bytes of the tensors. Invariant:
numbers are taken from the file only where as many lie as it says.

Both layouts are read: the zip archive (PyTorch 1.6 and later), and the row of pickles before it.
"""

from __future__ import annotations

import pickletools
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from betty._pickles import ELEMENTS, Fetch, Refused, Storage, interpret

__all__ = ["is_checkpoint", "read_checkpoint"]

_ZIP = b"PK\x03\x04"
# The first pickle of the older layout: one number that says what the file is.
_OLD = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."

# What reading bytes that are no checkpoint, or no whole one, comes to.
_DAMAGE = (
    zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError, LookupError, TypeError,
    AttributeError, RuntimeError, OverflowError, zlib.error,
)  # fmt: skip


def is_checkpoint(start: bytes) -> bool:
    """Whether a file that begins so was written by `torch.save`."""
    return start.startswith((_ZIP, _OLD))


def read_checkpoint(file: BinaryIO, name: Any) -> Any:
    """What `torch.save` wrote into an open file; tensors are tensors of this library.

    Raises:
        ValueError: A file that is damaged, or that holds more than containers, numbers, text,
            arrays and tensors; the message says what.
    """
    try:
        file.seek(0)
        start = file.read(len(_OLD))
        file.seek(0)
        return _read_old(file) if start.startswith(_OLD) else _read_zip(file)
    except Refused as error:
        raise ValueError(f"load: {name}: {error}") from None
    except _DAMAGE as error:
        raise ValueError(f"load: {name}: a damaged checkpoint of PyTorch: {error}") from None


# ---- the two layouts ---------------------------------------------------------------------------


def _read_zip(file: BinaryIO) -> Any:
    """One folder: data.pkl, and data/KEY with the bytes of each storage."""
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if "constants.pkl" in entries:
            raise Refused("a TorchScript program, not a checkpoint; save its state_dict()")
        if "data.pkl" not in entries:
            raise Refused("a zip archive without data.pkl: not a checkpoint of PyTorch")
        order = "<"
        if "byteorder" in entries and archive.read(entries["byteorder"]) == b"big":
            order = ">"

        def fetch(storage: Storage) -> Any:
            info = entries.get(f"data/{storage.key}")
            if info is None or info.compress_type != zipfile.ZIP_STORED:
                raise Refused(f"its entry data/{storage.key} is missing or compressed")
            array = _empty(storage, order, info.file_size)
            with archive.open(info) as bytes_of:
                _fill(bytes_of, array)
                bytes_of.read(1)  # the end, where the checksum is compared
            return array

        content = archive.read(entries["data.pkl"])
        return interpret(pickletools.genops(content), _kept(fetch))


def _read_old(file: BinaryIO) -> Any:
    """Pickles of a number, a version, sizes of integers, the object and the storages' keys."""
    for _ in range(3):
        _operations(file)
    program = _operations(file)
    places: dict[str, tuple[int, int]] = {}
    keys = interpret(_operations(file), None)
    # Sizes of elements are known to the program alone: it is run once to ask for them.
    sizes: dict[str, int] = {}

    def ask(storage: Storage, is_own: bool) -> Any:
        sizes[storage.key] = _empty(storage, "<", None).itemsize
        return None

    interpret(program, ask)
    for key in keys:
        count = int.from_bytes(_exactly(file, 8), "little", signed=True)
        places[key] = (file.tell(), count)
        file.seek(count * sizes[key], 1)

    def fetch(storage: Storage) -> Any:
        start, count = places[storage.key]
        array = _empty(storage, "<", count * sizes[storage.key])
        file.seek(start)
        _fill(file, array)
        return array

    return interpret(program, _kept(fetch))


def _operations(file: BinaryIO) -> list[Any]:
    """The instructions of the next pickle; the file stands behind it."""
    return list(pickletools.genops(file))


def _exactly(file: BinaryIO, count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise EOFError("it ends too early")
    return content


def _empty(storage: Storage, order: str, size: int | None) -> Any:
    """Room for a storage whose bytes in the file number `size`."""
    import numpy

    if storage.element not in ELEMENTS:
        known = ", ".join(ELEMENTS)
        raise Refused(f"a tensor of it is {storage.element}, known are {known}")
    kind = numpy.dtype(ELEMENTS[storage.element][0])
    if size is None:
        return numpy.empty(0, kind)
    if storage.count < 0 or storage.count * kind.itemsize != size:
        raise Refused(f"its entry data/{storage.key} has {size} bytes for {storage.count} numbers")
    return numpy.empty(storage.count, kind.newbyteorder(order))


def _fill(file: Any, array: Any) -> None:
    view = memoryview(array.view("u1"))
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            raise EOFError("it ends too early")
        done += count


def _kept(fetch: Callable[[Storage], Any]) -> Fetch:
    """Fetches once what several tensors may be views of, and anew what one tensor is all of."""
    found: dict[str, Any] = {}

    def fetched(storage: Storage, is_own: bool) -> Any:
        if is_own and storage.key not in found:
            return fetch(storage)
        if storage.key not in found:
            found[storage.key] = fetch(storage)
        return found[storage.key].copy() if is_own else found[storage.key]

    return fetched
