"""Checkpoints of PyTorch: written here with its layout, instruction by instruction, and read back.

PyTorch is not needed: `Writer` puts together the pickles that `torch.save` makes.
"""

import io
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict

import betty
import numpy as np
import pytest
from betty import nn

STORAGES = {
    np.dtype(np.float32): "FloatStorage", np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.int64): "LongStorage", np.dtype(np.int8): "CharStorage",
}  # fmt: skip


class Tensor:
    """A tensor of a checkpoint: a storage, and which of its elements."""

    def __init__(self, storage, size, stride, offset=0, kind=None):
        self.storage, self.size, self.stride, self.offset = storage, size, stride, offset
        self.kind = kind or STORAGES[storage.dtype]

    @classmethod
    def of(cls, array):
        array = np.ascontiguousarray(array)
        steps = tuple(step // array.itemsize for step in array.strides)
        return cls(array.reshape(-1), array.shape, steps)


class Writer:
    """Pickles an object the way PyTorch does; `storages` holds the arrays by key."""

    def __init__(self, old=False):
        self.old, self.out, self.storages = old, io.BytesIO(), {}

    def text(self, value):
        data = value.encode()
        self.out.write(b"X" + struct.pack("<I", len(data)) + data)

    def call(self, name, *arguments):
        self.out.write(b"c" + name.replace(" ", "\n").encode() + b"\n(")
        for argument in arguments:
            self.put(argument)
        self.out.write(b"tR")

    def put(self, value):
        if isinstance(value, Tensor):
            self.tensor(value)
        elif isinstance(value, Called):
            self.call(value.name, *value.arguments)
        elif isinstance(value, Named):
            self.out.write(b"c" + value.name.replace(" ", "\n").encode() + b"\n")
        elif isinstance(value, str):
            self.text(value)
        elif isinstance(value, OrderedDict):
            self.call("collections OrderedDict")
            self.items(value)
        elif isinstance(value, dict):
            self.out.write(b"}")
            self.items(value)
        elif isinstance(value, list):
            self.out.write(b"](")
            for each in value:
                self.put(each)
            self.out.write(b"e")
        elif isinstance(value, tuple):
            self.out.write(b"(")
            for each in value:
                self.put(each)
            self.out.write(b"t")
        else:  # numbers and None, as pickle writes them, without its first two bytes and its end
            self.out.write(pickle.dumps(value, 2)[2:-1])

    def items(self, pairs):
        self.out.write(b"(")
        for key, value in pairs.items():
            self.put(key)
            self.put(value)
        self.out.write(b"u")

    def tensor(self, tensor):
        key = next(
            (key for key, known in self.storages.items() if known is tensor.storage),
            str(len(self.storages)),
        )
        self.storages[key] = tensor.storage
        self.out.write(b"ctorch._utils\n_rebuild_tensor_v2\n((")
        self.text("storage")
        self.out.write(b"ctorch\n" + tensor.kind.encode() + b"\n")
        for value in (key, "cpu", len(tensor.storage), *([None] if self.old else [])):
            self.put(value)
        self.out.write(b"tQ")
        for value in (tensor.offset, tensor.size, tensor.stride, False):
            self.put(value)
        self.call("collections OrderedDict")
        self.out.write(b"tR")

    def pickled(self, value):
        self.out.write(b"\x80\x02")
        self.put(value)
        self.out.write(b".")
        return self.out.getvalue()


def zipped(value, order=b"little"):
    writer, file = Writer(), io.BytesIO()
    program = writer.pickled(value)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", program)
        archive.writestr("model/byteorder", order)
        for key, array in writer.storages.items():
            swapped = array.byteswap() if order == b"big" else array
            archive.writestr(f"model/data/{key}", swapped.tobytes())
    return file.getvalue()


def in_a_row(value):
    """The layout before PyTorch 1.6."""
    writer = Writer(old=True)
    program = writer.pickled(value)
    first = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    parts = [pickle.dumps(each, 2) for each in first]
    parts += [program, pickle.dumps(list(writer.storages), 2)]
    for array in writer.storages.values():
        parts += [struct.pack("<q", len(array)), array.tobytes()]
    return b"".join(parts)


def hostile(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", content)
    return file.getvalue()


def load(content):
    return betty.load(io.BytesIO(content))


@pytest.fixture
def state():
    random = np.random.default_rng(0)
    return OrderedDict(
        weight=Tensor.of(random.standard_normal((3, 2)).astype(np.float32)),
        bias=Tensor.of(random.standard_normal(3).astype(np.float32)),
    )


@pytest.mark.parametrize("layout", [zipped, in_a_row])
def test_a_layer_takes_its_weights_from_a_checkpoint(layout, state, tmp_path):
    path = tmp_path / "model.pth"
    path.write_bytes(
        layout({"model": state, "epoch": 3, "best": None, "name": "x", "at": (1, 2.5)})
    )
    found = betty.load(path)
    assert isinstance(found["model"], OrderedDict)
    assert (found["epoch"], found["best"], found["name"], found["at"]) == (3, None, "x", (1, 2.5))
    layer = nn.Linear(2, 3)
    layer.load_state_dict(found["model"])
    weight, bias = state["weight"].storage.reshape(3, 2), state["bias"].storage
    np.testing.assert_array_equal(layer.weight.detach().numpy(), weight)
    expected = weight.sum(1) + bias
    np.testing.assert_allclose(layer(betty.ones(1, 2)).detach().numpy()[0], expected, rtol=1e-6)


@pytest.mark.parametrize("layout", [zipped, in_a_row])
def test_views_and_shared_storages(layout):
    numbers = np.arange(12, dtype=np.float64)
    found = load(
        layout(
            [
                Tensor(numbers, (4, 3), (1, 4)),
                Tensor(numbers, (2,), (3,), 5),
                Tensor(numbers, (2, 2), (0, 1)),
                Tensor(numbers, (0, 3), (3, 1)),
                Tensor(np.array([-1, 7], np.int8), (2,), (1,)),
                Tensor(np.array([2**40]), (), ()),
                Tensor(np.array([0x3FC0, 0xC020], np.uint16), (2,), (1,), kind="BFloat16Storage"),
            ]
        )
    )
    np.testing.assert_array_equal(found[0].numpy(), numbers.reshape(3, 4).T)
    assert found[1].tolist() == [5, 8]
    assert found[2].tolist() == [[0, 1], [0, 1]]
    assert found[3].shape == (0, 3)
    assert found[4].tolist() == [-1, 7]
    assert found[4].dtype is betty.int32
    assert found[5].item() == 2**40
    assert found[6].tolist() == [1.5, -2.5]
    assert found[6].dtype is betty.bfloat16


@pytest.mark.parametrize("layout", [zipped, in_a_row])
def test_tensors_of_one_storage_do_not_share_memory(layout):
    whole = Tensor.of(np.arange(4, dtype=np.float32))
    part = Tensor(whole.storage, (2,), (1,), 1)
    for tensors in ([whole, part, whole], [part, whole, whole]):
        found = load(layout(tensors))
        before = [tensor.tolist() for tensor in found]
        for place in range(3):
            found[place].zero_()
            assert [tensor.tolist() for tensor in found[place + 1 :]] == before[place + 1 :]


def test_bytes_of_the_other_order(state):
    found = load(zipped(state, b"big"))
    np.testing.assert_array_equal(found["bias"].numpy(), state["bias"].storage)


def test_an_optimizer_goes_on_from_a_checkpoint_of_pytorch():
    """Its SGD counts no steps: that there is a momentum says that there was one."""
    group = {"lr": 0.1, "momentum": 0.5, "dampening": 0, "weight_decay": 0, "nesterov": False}
    state = {0: {"momentum_buffer": Tensor.of(np.full(2, 4.0, np.float32))}}
    saved = load(zipped({"state": state, "param_groups": [{**group, "params": [0]}]}))
    weight = nn.Parameter(betty.zeros(2))
    optimizer = betty.optim.SGD([weight], lr=1.0)
    optimizer.load_state_dict(saved)
    weight.grad = betty.ones(2)
    optimizer.step()
    np.testing.assert_allclose(weight.detach().numpy(), [-0.3, -0.3], rtol=1e-6)


class Called:
    """What stands in a checkpoint for a call of a name."""

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments


class Named:
    """A global name in a checkpoint."""

    def __init__(self, name):
        self.name = name


def test_attributes_of_parameters_counters_and_sizes():
    """Parameters and tensors on which a program has put attributes, as schedulers and sizes do."""
    numbers = Tensor.of(np.arange(2, dtype=np.float32))
    held = {"note": "x", "detach": 3, "_hidden": 4}
    value = {
        "parameter": Called("torch._utils _rebuild_parameter_with_state", numbers, True, (), held),
        "tensor": Called(
            "torch._tensor _rebuild_from_type_v2", Named("torch._utils _rebuild_parameter"),
            Named("torch.nn.parameter Parameter"), (numbers, False, ()), {"note": "y"},
        ),
        "counter": Called("collections Counter", {5: 2}),
        "size": Called("torch Size", (2, 3)),
    }  # fmt: skip
    found = load(zipped(value))
    assert found["parameter"].tolist() == found["tensor"].tolist() == [0, 1]
    assert found["parameter"].note == "x"
    assert callable(found["parameter"].detach)
    assert not hasattr(found["parameter"], "_hidden")
    assert not found["tensor"].requires_grad
    assert found["counter"] == Counter([5, 5])
    assert found["counter"][7] == 0
    assert found["size"] == (2, 3)
    assert isinstance(found["size"], betty.Size)


WRAPPED = b"ctorch._tensor\n_rebuild_from_type_v2\n("


class Trap:
    """What a hostile file would hold: a call of anything."""

    def __reduce__(self):
        return print, ("run",)


def encrypted(content):
    """The archive with the mark that its entries are encrypted."""
    at = content.index(b"PK\x01\x02") + 8
    return content[:at] + b"\x01" + content[at + 1 :]


def squeezed(content):
    """An archive with a compressed entry whose bytes make no sense."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", content)
    made = file.getvalue()
    at = made.index(b"data.pkl") + len(b"data.pkl")
    return made[:at] + b"\xff" * 4 + made[at + 4 :]


def with_storage(**change):
    """A checkpoint whose tensor does not fit what lies in the file."""
    array = np.ones(4, np.float32)
    return zipped([Tensor(array, **{"size": (4,), "stride": (1,)} | change)])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (hostile(pickle.dumps({"a": Trap()}, 2)), "holds __builtin__.print, and only tensors"),
        (hostile(pickle.dumps(Trap(), 4)), "holds builtins.print, and only tensors"),
        (hostile(pickle.dumps(nn.Linear, 2)), "holds betty.nn.linear.Linear.*save state_dict"),
        (hostile(b"cos\nsystem\n."), "holds os.system"),
        (hostile(b"(S'x'\nios\nsystem\n."), "instruction STRING"),
        (hostile(b"}(K\x01K\x02K\x03u."), "damaged"),
        (hostile(b"K\x01\x85R."), "damaged"),
        (hostile(b"ctorch\nSize\nK\x01\x86R."), "damaged"),
        (hostile(b"h\x05."), "damaged"),
        (hostile(b"K\x01"), "damaged"),
        (hostile(b"\xff"), "damaged"),
        (hostile(b"X\xff\xff\xff\x7fabc."), "damaged"),
        (hostile(b"ctorch._utils\n_rebuild_sparse_tensor\n."), "a tensor of a kind that is not"),
        (with_storage(size=(5,)), "reaches beyond its 4 numbers"),
        (with_storage(offset=1), "reaches beyond its 4 numbers"),
        (with_storage(offset=-1), "has sizes"),
        (with_storage(stride=(2**62,)), "reaches beyond its 4 numbers"),
        (with_storage(stride=(1, 1)), "has sizes"),
        (with_storage(kind="DoubleStorage"), "16 bytes for 4 numbers"),
        (with_storage(kind="ComplexFloatStorage"), "is ComplexFloatStorage, known are"),
        (encrypted(hostile(b"K\x01.")), "damaged checkpoint of PyTorch: .*encrypted"),
        (squeezed(b"K\x01" * 99), "damaged checkpoint of PyTorch: .*decompressing"),
        (hostile(b"ccollections\nCounter\nK\x01\x85R."), "damaged"),
        (hostile(b"ctorch\nTensor\nK\x01\x85R."), "calls torch.Tensor"),
        (hostile(WRAPPED + b"ctorch._utils\n_rebuild_tensor_v2\nNNNtR."), "a kind that is not"),
        (hostile(WRAPPED + b"ctorch\nSize\nctorch\nTensor\n)}tR."), "a kind that is not here"),
        (b"\x80\x02K\x01.", "a pickle, but no checkpoint"),
        (b"PK\x03\x04 and no more", "damaged"),
    ],
)
def test_other_objects_and_damage_are_refused(content, text, capsys):
    with pytest.raises(ValueError, match=text):
        load(content)
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("layout", [zipped, in_a_row])
def test_a_checkpoint_cut_off_anywhere_is_refused(layout, state):
    content = layout(state)
    for end in range(16, len(content) - 1, 7):
        with pytest.raises(ValueError, match="load: file: "):
            load(content[:end])


def test_a_changed_byte_of_the_numbers_is_noticed(state):
    content = zipped(state)
    at = content.index(state["bias"].storage.tobytes())
    with pytest.raises(ValueError, match="Bad CRC-32"):
        load(content[:at] + b"\xff" + content[at + 1 :])


def test_archives_that_are_no_checkpoints(tmp_path):
    for entry, text in (("model/constants.pkl", "a TorchScript program"), ("x.txt", "data.pkl")):
        path = tmp_path / "other.pt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(entry, b"")
        with pytest.raises(ValueError, match=text) as caught:
            betty.load(path)
        assert str(path) in str(caught.value)


def test_versions_of_modules_come_along():
    state = OrderedDict(x=1)
    state._metadata = OrderedDict({"": {"version": 2}})
    found = load(hostile(pickle.dumps(state, 2)))
    assert found == state
    assert found._metadata == state._metadata
