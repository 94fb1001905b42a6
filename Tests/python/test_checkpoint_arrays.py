"""NumPy's arrays and numbers in checkpoints of PyTorch, read as data."""

import io
import pickle
import zipfile

import betty
import numpy as np
import pytest


def load(program):
    """What a checkpoint with this pickle has."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", program)
    file.seek(0)
    return betty.load(file)


def test_arrays_and_numbers_of_numpy():
    """As programs leave them in checkpoints: a best figure, a history, a confusion matrix."""
    value = {
        "best": np.float64(0.75),
        "history": [np.int64(1), np.float32(0.5), np.bool_(True), np.str_("a\u00e9")],
        "matrix": np.arange(6.0).reshape(2, 3),
        "by_columns": np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3)),
        "swapped": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 3)),
        "number": np.array(5),
        "many": np.arange(3000, dtype=np.uint8),
        "names": np.array(["ab", "c"]),
        "dtype": np.dtype("float32"),
        "bytes": b"\x00\xff",
        "none": b"",
    }
    for protocol in (2, 3, 4):
        program = pickle.dumps(value, protocol)
        for written in (program, program.replace(b"numpy._core", b"numpy.core")):
            if protocol == 4 and written is not program:
                continue  # its text has lengths
            found = load(written)
            assert list(found) == list(value)
            for name, expected in value.items():
                np.testing.assert_array_equal(found[name], expected)
                assert getattr(found[name], "shape", ()) == getattr(expected, "shape", ())
                assert type(found[name]) is type(expected)
            assert [type(x) for x in found["history"]] == [type(x) for x in value["history"]]
            found["many"][0] = 7
    one = np.arange(1000)
    first, second = load(pickle.dumps([one, one], 2))
    assert first is second


def call(name, *arguments):
    """The instructions of a call."""
    parts = b"".join(pickle.dumps(each, 2)[2:-1] for each in arguments)
    return b"c" + name.replace(" ", "\n").encode() + b"\n(" + parts + b"tR"


def filled(state, kind="f8"):
    """An array with a content that may not fit; None stands for its element type."""
    out = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR("
    for each in state:
        named = each is None
        out += call("numpy dtype", kind, False, True) if named else pickle.dumps(each, 2)[2:-1]
    return out + b"tb."


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (pickle.dumps(np.array([1, None], object), 2), "holds an array of 'O8'"),
        (pickle.dumps(np.zeros(1, [("a", "f4")]), 2), "holds an array of 'V4'"),
        (pickle.dumps(np.datetime64("2020-01-01"), 2), "holds an array of 'M8'"),
        (call("numpy dtype", "f8,O") + b".", "holds an array of 'f8,O'"),
        (call("numpy dtype", 3) + b".", "holds an array of 3"),
        (call("_codecs encode", "x", "rot13") + b".", "in the encoding 'rot13'"),
        (filled((1, (4,), None, False, b"12345678")), r"8 bytes for an array of sizes \(4,\)"),
        (filled((1, (-1, -1), None, False, b"12345678")), "8 bytes for an array"),
        (filled((1, (2**62, 4), None, False, b"12345678")), "8 bytes for an array"),
        (filled((1, (1,), "f8", False, b"12345678")), "str for an element type"),
        (filled((1, (1,), None, False, [1])), "list for the bytes"),
        (filled((1, (1,), None)), "damaged"),
        ((call("numpy._core.multiarray scalar", "f8", b"12345678") + b"."), "damaged"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(content, text):
    with pytest.raises(ValueError, match=text):
        load(content)
