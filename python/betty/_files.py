"""Saving and loading: tensors in the safetensors format, what holds them as JSON beside them.

A file is an ordinary safetensors file, whose tensors other programs read by name; its metadata
entry "betty" says how dicts, lists, numbers and text lay around them. No pickle is written, and
none is executed: a checkpoint of PyTorch is read as data (see _pickles), so a file cannot run
code.
Invariant: a file is written whole or not at all, and loaded whole or not at all.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import tempfile
from typing import Any

from betty import _native, _types
from betty._checkpoints import is_checkpoint, read_checkpoint
from betty._native import Tensor
from betty._outlines import outline, restored

__all__ = ["load", "save"]

_FORMAT = "betty"
#: Bytes of a header, beyond which no reader of the format takes it.
_LONGEST_HEADER = 100_000_000
# What a damaged outline comes to.
_DAMAGE = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)
# safetensors' names: (NumPy's type in the file, the tensor's type)
_READ = {
    "F64": ("<f8", _types.float64), "F32": ("<f4", _types.float32), "F16": ("<f2", _types.float16),
    "BF16": ("<u2", _types.bfloat16), "I64": ("<i8", _types.int64), "I32": ("<i4", _types.int32),
    "U8": ("<u1", _types.uint8), "I16": ("<i2", _types.int32), "I8": ("<i1", _types.int32),
    "U16": ("<u2", _types.int32), "U32": ("<u4", _types.int64), "BOOL": ("?", _types.bool),
}  # fmt: skip


def _library() -> Any:
    try:
        import safetensors
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "saving and loading need the package safetensors: pip install safetensors"
        ) from None
    return safetensors


# ---- saving ------------------------------------------------------------------------------------


def save(obj: Any, f: Any) -> None:
    """Writes tensors and what holds them: numbers, text, None and Python's containers.

    Args:
        obj: State dicts of modules, optimizers, problems and the engine, nested at will, in dicts
            of every kind, lists, tuples (named ones too), sets, deques, ranges, slices and
            namespaces, beside bytes, paths, devices, element types and sizes. Arrays come back as
            arrays, parameters as parameters. A named tuple comes back with its name and fields, in
            a class of its own; a defaultdict keeps what it makes where that is one of Python's
            types.
        f: A path, or a file object open for writing bytes.

    Raises:
        TypeError: Something else, such as a whole module or an object of a program's own class;
            the message says where it stands.
        ValueError: Numbers and text beside the tensors that are too long for the format.

    Example:
        >>> import os, tempfile
        >>> import betty
        >>> path = os.path.join(tempfile.mkdtemp(), "state.safetensors")
        >>> betty.save({"epoch": 3, "weights": [betty.ones(2)]}, path)
        >>> betty.load(path)
        {'epoch': 3, 'weights': [tensor([1., 1.])]}
    """
    tensors: dict[str, dict[str, Any]] = {}

    def put(place: str, found: Any) -> str:
        record = _record(found) if isinstance(found, Tensor) else _array_record(found, place)
        return _put(tensors, place, record)

    text = json.dumps(outline(obj, "", put), separators=(",", ":"))
    content = _content(tensors, {_FORMAT: text})
    if hasattr(f, "write"):
        _write(f, content)
        return
    path = os.fspath(f)
    old = os.stat(path) if os.path.exists(path) else None
    if old is not None and not stat.S_ISREG(old.st_mode):  # a pipe or a device takes it as it comes
        with open(path, "wb") as file:
            file.write(content)
        return
    path = os.path.realpath(path)  # a link stays one
    if not os.path.isdir(os.path.dirname(path)):
        raise RuntimeError(f"save: Parent directory {os.path.dirname(path)!r} does not exist.")
    handle, draft = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".betty-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o666 & ~_mask() if old is None else stat.S_IMODE(old.st_mode))
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _write(file: Any, content: bytes) -> None:
    """Writes all of it; a file without a buffer may take a part at a time."""
    count = file.write(content)
    done = len(content) if count is None else count
    while done < len(content):
        count = file.write(memoryview(content)[done:])
        if not count:
            raise OSError(f"save: the file took {done} of {len(content)} bytes")
        done += count


def _content(tensors: dict[str, dict[str, Any]], metadata: dict[str, str]) -> bytes:
    """The bytes of a file: length of the header, the header, the tensors, the widest first."""
    order = sorted(tensors, key=lambda name: (-tensors[name]["width"], name))
    header: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for name in order:
        record = tensors[name]
        stop = start + len(record["data"])
        header[name] = {
            "dtype": record["dtype"],
            "shape": record["shape"],
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _LONGEST_HEADER:
        raise ValueError(
            f"save: what is beside the tensors takes {len(text)} bytes, at most {_LONGEST_HEADER} "
            "fit; save long text as a tensor of bytes"
        )
    parts = [len(text).to_bytes(8, "little"), text, *(tensors[name]["data"] for name in order)]
    return b"".join(parts)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _array_record(array: Any, place: str) -> dict[str, Any]:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    names = {numpy_kind: name for name, (numpy_kind, _) in _READ.items() if name != "BF16"}
    kind = little.dtype.str.replace("|", "<").replace("<b1", "?")
    if kind not in names:
        raise TypeError(f"save: cannot save an array of {array.dtype} at '{place}'")
    data = little.tobytes()
    return {
        "dtype": names[kind],
        "width": array.dtype.itemsize,
        "shape": list(array.shape),
        "data": data,
    }


def _put(tensors: dict[str, dict[str, Any]], place: str, record: dict[str, Any]) -> str:
    # Half of a surrogate pair is text in Python and in no file.
    name = place.encode(errors="replace").decode() or "tensor"
    while name in tensors or name == "__metadata__":
        name += "_"
    tensors[name] = record
    return name


def _record(x: Tensor) -> dict[str, Any]:
    import numpy

    plain = x.detach()
    if x.dtype is _types.bfloat16:
        bits = plain.to(_types.float32).numpy().view(numpy.uint32)
        array = (bits >> 16).astype("<u2")
    else:
        array = plain.numpy()
    return {
        "dtype": next(name for name, (_, kind) in _READ.items() if kind is x.dtype),
        "width": x.dtype.itemsize,
        "shape": list(x.shape),
        "data": numpy.ascontiguousarray(array).tobytes(),
    }


# ---- loading -----------------------------------------------------------------------------------


def load(f: Any, map_location: Any = None, *, weights_only: bool = True, mmap: Any = None) -> Any:
    """What `save` has written; of other files, what PyTorch or safetensors has put into them.

    Args:
        f: A path, or a file object open for reading bytes. A file of `save` gives back what was
            saved, any other safetensors file its tensors by name, and a checkpoint of `torch.save`
            its tensors in their dicts, lists and tuples.
        map_location: Accepted where it names the processor, or says by a dict or a function where
            others go; everything is on the processor.
        weights_only: Accepted for migration; a checkpoint that holds other objects than containers,
            numbers, text and tensors is refused either way, and none of its code is run.
        mmap: Accepted for migration.

    Raises:
        ValueError: A file that is damaged, cut off, or in another format; nothing is loaded.
        RuntimeError: ``map_location`` is a device that is not there.
    """
    if not (callable(map_location) or isinstance(map_location, dict)):
        _types.check_device(map_location)
    if hasattr(f, "read"):
        return _load(f, getattr(f, "name", "file"))
    with open(os.fspath(f), "rb") as file:
        return _load(file, os.fspath(f))


def _load(file: Any, name: Any) -> Any:
    start = file.read(16)
    if not isinstance(start, bytes):
        raise TypeError(f"load: {name}: open it for reading bytes, it gives {type(start).__name__}")
    # A length of safetensors may begin as another format does; its header follows with a brace.
    if start[8:9] != b"{":
        if is_checkpoint(start):
            seekable = (
                hasattr(file, "seekable") and file.seekable() and not file.tell() - len(start)
            )
            return read_checkpoint(file if seekable else io.BytesIO(start + file.read()), name)
        if start[:1] == b"\x80":
            raise ValueError(
                f"load: {name}: a pickle, but no checkpoint that torch.save has written"
            )
    return _load_safetensors(start + file.read(), name)


def _load_safetensors(content: bytes, name: Any) -> Any:
    if len(content) < 8:
        raise ValueError(f"load: {name}: not a whole safetensors file: {len(content)} bytes")
    try:
        entries = _library().deserialize(content)
    except Exception as error:  # the library's own class; it derives from Exception alone
        raise ValueError(f"load: {name}: not a whole safetensors file: {error}") from None
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    del content
    tensors = {}
    while entries:  # each is freed once its tensor is there
        key, record = entries.pop()
        tensors[key] = _tensor(record, f"{name}: '{key}'")
    tensors = dict(sorted(tensors.items()))
    if _FORMAT not in metadata:
        return tensors
    try:
        return restored(json.loads(metadata[_FORMAT]), tensors)
    except _DAMAGE as error:
        raise ValueError(f"load: {name}: its outline is damaged: {error!r}") from None


def _tensor(record: dict[str, Any], where: str) -> Tensor:
    import numpy

    if record["dtype"] not in _READ:
        raise ValueError(f"load: {where} is {record['dtype']}, known are {', '.join(_READ)}")
    kind, dtype = _READ[record["dtype"]]
    try:
        array = numpy.frombuffer(record["data"], kind).reshape(record["shape"])
    except ValueError as error:
        raise ValueError(f"load: {where} has shape {record['shape']}: {error}") from None
    if dtype is _types.bfloat16:
        array = (array.astype(numpy.uint32) << 16).view(numpy.float32)
    elif record["dtype"] in ("I16", "I8", "U16"):
        array = array.astype(numpy.int32)
    elif record["dtype"] == "U32":
        array = array.astype(numpy.int64)
    return _native.from_buffer(array).to(dtype)
