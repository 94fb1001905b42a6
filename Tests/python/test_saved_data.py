"""What ordinary data comes back from a file as: every kind of container, and values beside them."""

import io
import json
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import NamedTuple

import betty
import numpy as np
import pytest
import safetensors.numpy
from betty import nn

Point = namedtuple("Point", "x y")  # noqa: PYI024
Renamed = namedtuple("Renamed", ["def", "y"], rename=True)  # noqa: PYI024


class Batch(NamedTuple):
    """A named tuple with a tensor."""

    image: betty.Tensor
    label: int = 0


def through(value):
    file = io.BytesIO()
    betty.save(value, file)
    file.seek(0)
    return betty.load(file)


@pytest.mark.parametrize(
    "value",
    [
        range(1, 9, 2), slice(1, None, 2), {1, 2.5, "x", (1, "y")}, set(), frozenset({3}),
        b"\x00\xff", bytearray(b"ab"), complex(1, -2), np.complex128(3j), betty.device("cuda:1"),
        Path("a/b.txt"), betty.Size([2, 3]), deque([1, 2], maxlen=3), deque(),
        OrderedDict(b=1, a=2), Counter("aab"), defaultdict(list, a=[1]), defaultdict(None, b=2),
        Namespace(lr=0.1, at=(1, 2), layers=[3]), SimpleNamespace(a={1}),
        Point(1, Point(2, [3])), Renamed(1, 2), {(1, (2, "x")): 3, b"k": 4, 2j: 5},
        {"dict": [["a", 1]], "tensor": "name", "set": {"list": [1]}},
        {np.int64(3): 1, betty.float32: 2, betty.device("cpu"): 3, None: 4, True: 5},
    ],
    ids=repr,
)  # fmt: skip
def test_values_come_back(value):
    found = through({"deep": [value]})["deep"][0]
    assert found == value
    if not isinstance(value, (np.generic, Point, Renamed)):
        assert type(found) is type(value)
    assert through(value) == value


def test_what_comes_back_behaves_as_before():
    found = through(
        {
            "queue": deque([betty.ones(1)], maxlen=2), "of": Point(1, 2),
            "counts": defaultdict(int),
            "other": defaultdict(lambda: 7, a=1), "path": PurePosixPath("x"),
            "ordered": OrderedDict(z=1),
        }
    )  # fmt: skip
    assert (found["queue"].maxlen, found["queue"][0].item()) == (2, 1)
    assert found["counts"]["new"] == 0
    assert (found["of"].x, found["of"]._fields, type(found["of"]).__name__) == (
        1,
        ("x", "y"),
        "Point",
    )
    assert dict(found["other"]) == {"a": 1}
    with pytest.raises(KeyError):
        found["other"]["b"]
    assert isinstance(found["path"], Path)
    found["ordered"].move_to_end("z")


def test_tensors_within_have_names_for_other_programs(tmp_path):
    path = tmp_path / "state.safetensors"
    state = {
        "args": Namespace(w=betty.ones(2)),
        "batch": Batch(betty.zeros(3)),
        ("a", 1): np.ones(1),
    }
    betty.save(state, path)
    names = set(safetensors.numpy.load_file(path))
    assert names == {"args.w", "batch.image", "('a', 1)"}
    found = betty.load(path)
    assert found["args"].w.tolist() == [1, 1]
    assert found["batch"].image.tolist() == [0, 0, 0]
    assert found["batch"].label == 0
    assert isinstance(found["a", 1], np.ndarray)


def test_parameters_come_back_as_parameters():
    found = through([nn.Parameter(betty.ones(2)), nn.Parameter(betty.ones(1), requires_grad=False)])
    assert all(isinstance(x, nn.Parameter) for x in found)
    assert [x.requires_grad for x in found] == [True, False]
    assert not isinstance(through(betty.ones(1)), nn.Parameter)


def test_what_a_file_does_not_hold_is_said_in_one_line():
    model = nn.Linear(1, 1)
    for value, text in (
        (model, r"cannot save Linear at 'x\.0'; save its state_dict\(\)"),
        (betty.optim.SGD(model.parameters()), r"SGD at 'x\.0'; save its state_dict\(\)"),
        (nn.Linear, "Linear at .* no code: save its name"),
        (len, "a file holds data, no code"),
        (object(), r"object at 'x\.0'; takes .* of a class of your own save vars\(object\)"),
    ):
        with pytest.raises(TypeError, match=text) as caught:
            through({"x": [value]})
        assert "\n" not in str(caught.value)
    for keys in ({betty.ones(1): 1}, {(1, object()): 1}, {np.dtype("f4")}):
        with pytest.raises(TypeError, match="a key of 'the top' is"):
            through(keys)


def outlined(record):
    text = json.dumps({"__metadata__": {"betty": json.dumps(record)}}).encode()
    return io.BytesIO(len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize(
    "record",
    [
        {"range": [1, 2, 0]}, {"range": 3}, {"bytes": "!"}, {"device": "moon"}, {"complex": "x"},
        {"deque": [], "maxlen": 2**80}, {"deque": []}, {"defaultdict": [], "of": "eval"},
        {"set": [{"list": []}]}, {"named": [["a", 1]]}, {"named": [["a", 1]], "name": 3},
        {"slice": [1, 2, 3, 4]}, {"size": 3}, {"path": 3}, {"code": "x"}, {"tensor": "gone"}, {},
        {"list": 3}, {"dict": [1]}, {"namespace": [[{"list": []}, 1]]},
    ],
    ids=repr,
)  # fmt: skip
def test_damaged_outlines_are_refused(record):
    with pytest.raises(ValueError, match="its outline is damaged"):
        betty.load(outlined(record))


def test_names_in_a_file_run_nothing():
    """The fields of a named tuple become code in Python's own making of it."""
    found = betty.load(outlined({"named": [["a=print('run')", 1], ["b", 2]], "name": "x; y"}))
    assert tuple(found) == (1, 2)
    assert found._fields == ("_0", "b")
