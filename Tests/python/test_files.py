"""Saving and loading: what comes back, what other programs read, what is refused."""

import io
import json
import math
import os
import stat
import threading
from collections import Counter, OrderedDict

import betty
import numpy as np
import pytest
import safetensors.numpy
from betty import nn


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.safetensors")


def test_nested_states_come_back(path):
    state = {
        "numbers": (1, 2.5, True, None, math.inf, "text", -(2**70)),
        "list": [betty.arange(3), [betty.tensor(7)], {}],
        3: {"bf16": betty.tensor([1.0, -2.5, 3e38]).bfloat16(), None: betty.ones(2).half()},
        "ordered": OrderedDict(a=betty.tensor([True, False]), b=betty.zeros(0, 4)),
        "array": np.arange(4, dtype=np.int16),
        "dtype": betty.float16,
    }
    betty.save(state, path)
    found = betty.load(path)
    assert found["numbers"] == state["numbers"]
    assert isinstance(found["numbers"], tuple)
    assert found["list"][0].tolist() == [0, 1, 2]
    assert found["list"][1][0].shape == ()
    assert (found[3]["bf16"] == state[3]["bf16"]).all()
    assert found[3]["bf16"].dtype is betty.bfloat16
    assert found[3][None].dtype is betty.float16
    assert isinstance(found["ordered"], OrderedDict)
    assert found["ordered"]["b"].shape == (0, 4)
    assert found["array"].dtype == np.int16
    assert found["dtype"] is betty.float16


def test_training_goes_on_where_it_stopped(path):
    def fresh():
        betty.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        return model, betty.optim.Adam(model.parameters(), lr=0.1)

    def step(model, optimizer):
        optimizer.zero_grad()
        (model(betty.arange(12.0).reshape(4, 3)) ** 2).sum().backward()
        optimizer.step()

    model, optimizer = fresh()
    step(model, optimizer)
    betty.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    step(model, optimizer)
    other, second = fresh()
    saved = betty.load(path)
    other.load_state_dict(saved["model"])
    second.load_state_dict(saved["optimizer"])
    step(other, second)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert (a == b).all()


def test_other_programs_read_and_write_the_files(path):
    model = nn.Linear(2, 3)
    betty.save(model.state_dict(), path)
    found = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(found["weight"], model.weight.detach().numpy())
    weights = {"weight": np.ones((3, 2), np.float16), "bias": np.arange(3, dtype=np.float32)}
    safetensors.numpy.save_file(weights, path)
    model.load_state_dict(betty.load(path))
    assert model.weight.dtype is betty.float32
    assert model(betty.ones(1, 2)).tolist() == [[2, 3, 4]]


def test_a_schedule_with_milestones_goes_on(path):
    def fresh():
        optimizer = betty.optim.SGD([nn.Parameter(betty.ones(1))], lr=1.0)
        return betty.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3, 3])

    def rates(schedule, count):
        found = []
        for _ in range(count):
            schedule.optimizer.step()
            schedule.step()
            found += schedule.get_last_lr()
        return found

    schedule = fresh()
    rates(schedule, 1)
    betty.save(schedule.state_dict(), path)
    saved = betty.load(path)
    assert saved["milestones"] == Counter([2, 3, 3])
    assert isinstance(saved["milestones"], Counter)
    expected = rates(schedule, 4)
    for state in (saved, {**saved, "milestones": dict(saved["milestones"])}):
        other = fresh()
        other.load_state_dict(state)
        assert rates(other, 4) == expected


def test_files_are_written_where_their_names_lead(path, tmp_path):
    betty.save([1], path)
    os.chmod(path, 0o600)
    link = tmp_path / "link"
    link.symlink_to(path)
    betty.save([2], link)
    assert link.is_symlink()
    assert betty.load(path) == [2]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    betty.save([3], pipe)
    reader.join(30)
    assert betty.load(io.BytesIO(found[0])) == [3]
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe", "state.safetensors"]


class Narrow(io.BytesIO):
    """A file that takes a few bytes at a time, and no more when it is full."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def write(self, content):
        return super().write(bytes(content[: min(7, self.room - self.tell())]))


def test_a_file_that_takes_a_part_gets_the_rest():
    file = Narrow(10_000)
    betty.save([betty.arange(9)], file)
    file.seek(0)
    assert betty.load(file)[0].tolist() == list(range(9))
    with pytest.raises(OSError, match="took 70 of"):
        betty.save([betty.arange(9)], Narrow(70))


def test_text_that_no_file_can_hold(path):
    first, second = "a" + chr(0xD800), "a" + chr(0xDC00)  # halves of pairs
    state = {first: betty.ones(1), second: betty.zeros(1), "text": first}
    betty.save(state, path)
    found = betty.load(path)
    assert list(found) == list(state)
    assert [found[first].item(), found[second].item(), found["text"]] == [1, 0, first]
    with pytest.raises(ValueError, match=r"takes 1000000\d\d bytes, at most 100000000"):
        betty.save({"log": "x" * 100_000_001}, path)
    assert list(betty.load(path)) == list(state)
    with pytest.raises(TypeError, match="open it for reading bytes, it gives str"):
        betty.load(io.StringIO("text"))


def with_header(header):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def of_shape(shape):
    return with_header({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (of_shape([0, 2**63 - 1]), r"'a' has shape \[0, 9223372036854775807\]"),
        (of_shape([0] * 100), r"'a' has shape \[0, 0"),
        (with_header({"__metadata__": {"betty": '{"list":[' * 9999 + "]}" * 9999}}), "is damaged"),
    ],
)
def test_files_that_ask_for_too_much_are_refused(path, content, text):
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(ValueError, match=text) as caught:
        betty.load(path)
    assert path in str(caught.value)


def test_file_objects():
    file = io.BytesIO()
    betty.save([betty.ones(2)], file)
    file.seek(0)
    assert betty.load(file, map_location="cpu")[0].tolist() == [1, 1]


def damaged(content):
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"]["betty"] = '{"dict":[["a",{"tensor":"gone"}]]}'
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c[:-3], "not a whole safetensors file"),
        (lambda c: c[:40], "not a whole safetensors file"),
        (lambda c: b"", "not a whole safetensors file"),
        (lambda c: b"\x00" * 64, "not a whole safetensors file"),
        (lambda c: b"PK\x03\x04" + c, "a damaged checkpoint of PyTorch"),
        (lambda c: b"\x80\x02" + c, "a pickle, but no checkpoint"),
        (damaged, "its outline is damaged"),
    ],
)
def test_damaged_files_are_refused(path, change, text):
    betty.save({"a": betty.ones(3)}, path)
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(change(content))
    with pytest.raises(ValueError, match=text) as caught:
        betty.load(path)
    assert path in str(caught.value)


def test_what_cannot_be_saved_leaves_the_file_alone(path):
    betty.save([1], path)
    with pytest.raises(TypeError, match=r"cannot save object at 'a\.0'"):
        betty.save({"a": [object()]}, path)
    with pytest.raises(TypeError, match="a key of 'a' is object; keys"):
        betty.save({"a": {object(): 3}}, path)
    assert betty.load(path) == [1]
    assert os.listdir(os.path.dirname(path)) == ["state.safetensors"]
    with pytest.raises(FileNotFoundError):
        betty.load(path + ".gone")


def test_loading_names_what_does_not_fit():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = model.state_dict()
    state["0.weight"] = betty.ones(5, 2)
    state["2.bias"] = state.pop("1.bias")
    before = model[0].bias.tolist()
    with pytest.raises(RuntimeError) as caught:
        model.load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Sequential: "
        'Missing key(s) in state_dict: "1.bias". '
        'Unexpected key(s) in state_dict: "2.bias". '
        "size mismatch for 0.weight: copying a param with shape betty.Size([5, 2]) from "
        "checkpoint, the shape in current model is betty.Size([3, 2])."
    )
    assert model[0].bias.tolist() == before
