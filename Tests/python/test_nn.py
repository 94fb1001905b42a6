"""nn.Module: registration, walking, state, conversion, copies, printing."""

import copy
import pickle
from collections import OrderedDict

import betty
import numpy as np
import pytest
from betty import nn


class Block(nn.Module):
    """Parameters, a missing one, both kinds of buffers, a shared child. Module level: picklable."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(betty.tensor([1.0, 2.0]))
        self.register_parameter("absent", None)
        self.register_buffer("mean", betty.tensor([3.0, 4.0]))
        self.register_buffer("scratch", betty.zeros(1), persistent=False)
        self.register_buffer("nothing", None)
        self.first = nn.Linear(2, 2)
        self.again = self.first

    def forward(self, x):
        return self.again(self.first(x)) * self.scale + self.mean


def names(pairs):
    return [name for name, _ in pairs]


def same(a, b):
    return np.array_equal(a.detach().numpy(), b.detach().numpy())


class TestRegistration:
    def test_walks_once_over_shared_modules(self):
        block = Block()
        assert names(block.named_parameters()) == ["scale", "first.weight", "first.bias"]
        assert names(block.named_buffers()) == ["mean", "scratch"]
        assert names(block.named_modules()) == ["", "first"]
        assert names(block.named_children()) == ["first"]
        assert names(block.named_modules(remove_duplicate=False)) == ["", "first", "again"]
        assert names(block.named_parameters(recurse=False)) == ["scale"]
        assert names(block.named_parameters(prefix="net"))[1] == "net.first.weight"
        assert len(list(block.parameters())) == 3
        assert block.get_submodule("first") is block.first
        assert block.get_parameter("first.bias") is block.first.bias

    def test_assignment_moves_a_name_between_tables(self):
        module = nn.Module()
        module.x = 3
        module.x = nn.Parameter(betty.zeros(1))
        assert names(module.named_parameters()) == ["x"]
        module.x = nn.Linear(1, 1)
        assert names(module.named_parameters()) == ["x.weight", "x.bias"]
        module.x = None
        assert names(module.named_parameters()) == []
        del module.x
        assert not hasattr(module, "x")

    def test_buffers_are_replaced_by_assignment(self):
        block = Block()
        block.mean = betty.ones(2)
        assert block.state_dict()["mean"].tolist() == [1, 1]

    @pytest.mark.parametrize(
        ("act", "error", "text"),
        [
            (lambda m: setattr(m, "scale", betty.zeros(2)), TypeError, "parameter 'scale'"),
            (lambda m: setattr(m, "mean", 3), TypeError, "buffer 'mean'"),
            (lambda m: setattr(m, "first", 3), TypeError, "child module 'first'"),
            (lambda m: m.register_parameter("a.b", None), KeyError, "a.b"),
            (lambda m: m.register_parameter("", None), KeyError, "empty"),
            (lambda m: m.register_buffer("forward", None), KeyError, "already exists"),
            (lambda m: m.register_parameter("p", betty.zeros(1)), TypeError, "Parameter or None"),
            (lambda m: m.add_module("m", 3), TypeError, "not a Module"),
            (lambda m: m.missing, AttributeError, "'Block' object has no attribute 'missing'"),
            (lambda m: m.get_submodule("first.x"), AttributeError, "no submodule 'x'"),
            (lambda m: m.get_parameter("first.x"), AttributeError, "no parameter 'first.x'"),
            (lambda m: m.train("yes"), ValueError, "boolean"),
            (lambda m: nn.Module()(1), NotImplementedError, "defines no forward"),
        ],
    )
    def test_mistakes_are_named(self, act, error, text):
        with pytest.raises(error, match=text):
            act(Block())

    def test_init_must_come_first(self):
        class Early(nn.Module):
            def __init__(self):
                self.layer = nn.Linear(1, 1)

        with pytest.raises(AttributeError, match=r"before Module\.__init__"):
            Early()


class TestState:
    def test_holds_what_is_persistent(self):
        state = Block().state_dict()
        assert list(state) == [
            "scale", "mean", "first.weight", "first.bias", "again.weight", "again.bias",
        ]  # fmt: skip
        assert isinstance(state, OrderedDict)

    def test_shares_data_with_the_module(self):
        block = Block()
        state = block.state_dict()
        block.scale.data.fill_(7)
        assert state["scale"].tolist() == [7, 7]
        assert not state["scale"].requires_grad

    def test_round_trip(self):
        a, b = Block(), Block()
        assert not same(a.first.weight, b.first.weight)
        assert str(b.load_state_dict(a.state_dict())) == "<All keys matched successfully>"
        x = betty.randn(3, 2)
        assert same(a(x), b(x))
        a.scale.data.fill_(0)
        assert b.scale.tolist() == [1, 2]

    def test_an_error_names_every_key_and_changes_nothing(self):
        block = Block()
        state = block.state_dict()
        state = {key: value.clone() for key, value in state.items()}
        state["scale"] = betty.zeros(3)
        state["mean"] = betty.zeros(1, 2)
        state["first.bias"] = betty.full((2,), 9.0)
        del state["first.weight"], state["again.weight"]
        state["extra"] = state["more"] = betty.zeros(1)
        with pytest.raises(RuntimeError) as caught:
            block.load_state_dict(state)
        for key in ("scale", "mean", "first.weight", "again.weight", "extra", "more"):
            assert key in str(caught.value)
        assert "first.bias" not in str(caught.value)
        assert block.first.bias.tolist() != [9, 9]

    def test_not_strict_takes_what_fits(self):
        block = Block()
        result = block.load_state_dict({"scale": betty.zeros(2), "x": betty.zeros(1)}, strict=False)
        assert result.unexpected_keys == ["x"]
        assert "mean" in result.missing_keys
        assert block.scale.tolist() == [0, 0]
        with pytest.raises(RuntimeError, match="scale"):
            block.load_state_dict({"scale": betty.zeros(1)}, strict=False)

    def test_takes_arrays(self):
        layer = nn.Linear(2, 1)
        layer.load_state_dict({"weight": np.ones((1, 2)), "bias": np.zeros(1, dtype=np.float32)})
        assert layer.weight.tolist() == [[1, 1]]
        assert layer.weight.dtype == betty.float32


class TestConversion:
    def test_keeps_parameters_and_integers(self):
        block = Block()
        block.register_buffer("count", betty.tensor([1]))
        weight, before = block.first.weight, block.first.weight.tolist()
        (block(betty.ones(1, 2)).sum()).backward()
        assert block.double() is block
        assert block.first.weight is weight
        assert weight.dtype == betty.float64
        assert weight.grad.dtype == betty.float64
        assert block.mean.dtype == betty.float64
        assert block.count.dtype == betty.int64
        assert weight.tolist() == before
        assert block.float().first.weight.dtype == betty.float32
        assert block.to(betty.float64).count.dtype == betty.int64
        assert block.to("cpu").cpu() is block
        assert block(betty.ones(1, 2, dtype=betty.float64)).dtype == betty.float64

    def test_no_gpu(self):
        with pytest.raises((RuntimeError, ValueError, AssertionError), match=r"(?i)cuda|gpu"):
            Block().cuda()

    def test_apply_goes_from_the_leaves_up(self):
        seen = []
        net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
        assert net.apply(lambda m: seen.append(type(m).__name__)) is net
        assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]

    def test_train_and_eval(self):
        net = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
        assert all(m.training for m in net.modules())
        assert not any(m.training for m in net.eval().modules())
        assert all(m.training for m in net.train().modules())

    def test_requires_grad_and_zero_grad(self):
        layer = nn.Linear(2, 1)
        layer(betty.ones(1, 2)).sum().backward()
        layer.zero_grad(set_to_none=False)
        assert layer.weight.grad.tolist() == [[0, 0]]
        layer.zero_grad()
        assert layer.weight.grad is None
        layer.requires_grad_(False)
        assert not layer(betty.ones(1, 2)).requires_grad


class TestCopies:
    def test_deepcopy_is_apart_and_keeps_sharing_inside(self):
        block = Block().double()
        block.scale.requires_grad_(False)
        twin = copy.deepcopy(block)
        assert twin.first is twin.again
        assert twin.first is not block.first
        assert same(twin.first.weight, block.first.weight)
        assert isinstance(twin.scale, nn.Parameter)
        assert not twin.scale.requires_grad
        twin.first.weight.data.zero_()
        assert not same(twin.first.weight, block.first.weight)
        optimizer = betty.optim.SGD(twin.parameters(), lr=1.0)
        twin(betty.ones(1, 2, dtype=betty.float64)).sum().backward()
        optimizer.step()
        assert block.first.weight.grad is None

    def test_pickle(self):
        block = Block()
        block.eval()
        twin = pickle.loads(pickle.dumps(block))
        assert twin.first is twin.again
        assert not twin.training
        assert names(twin.named_buffers()) == ["mean", "scratch"]
        x = betty.randn(4, 2)
        assert same(twin(x), block(x))
        assert list(twin.state_dict()) == list(block.state_dict())

    def test_parameters_pickle_alone(self):
        twin = pickle.loads(pickle.dumps(nn.Parameter(betty.ones(2), requires_grad=False)))
        assert isinstance(twin, nn.Parameter)
        assert not twin.requires_grad
        assert twin.tolist() == [1, 1]


class TestContainers:
    def test_sequential(self):
        net = nn.Sequential(OrderedDict(a=nn.Linear(1, 2), b=nn.ReLU()))
        assert net[-1] is net.b
        assert len(net[:1]) == 1
        net[0] = nn.Linear(1, 3)
        assert net.a.out_features == 3
        net.append(nn.Linear(3, 1))
        assert net(betty.zeros(5, 1)).shape == (5, 1)
        with pytest.raises(IndexError):
            net[7]

    def test_lists_and_dicts(self):
        layers = nn.ModuleList([nn.Linear(1, 1)])
        layers.extend([nn.ReLU()])
        layers.insert(0, nn.Tanh())
        assert [type(m).__name__ for m in layers] == ["Tanh", "Linear", "ReLU"]
        assert names(layers.named_parameters()) == ["1.weight", "1.bias"]
        table = nn.ModuleDict({"a": nn.ReLU()})
        table["b"] = layers
        assert "b" in table
        assert list(table.keys()) == ["a", "b"]
        assert names(table.named_parameters()) == ["b.1.weight", "b.1.bias"]
        params = nn.ParameterList([betty.zeros(1), nn.Parameter(betty.ones(2))])
        assert [tuple(p.shape) for p in params] == [(1,), (2,)]


def test_prints_as_pytorch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.Dropout(0.25))
            self.heads = nn.ModuleList([nn.Linear(4, 1, bias=False)])
            self.act = nn.ReLU(inplace=True)
            self.soft = nn.Softmax(dim=1)
            self.loss = nn.CrossEntropyLoss()

    assert repr(Net()) == (
        "Net(\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=3, out_features=4, bias=True)\n"
        "    (1): LeakyReLU(negative_slope=0.2)\n"
        "    (2): Dropout(p=0.25, inplace=False)\n"
        "  )\n"
        "  (heads): ModuleList(\n"
        "    (0): Linear(in_features=4, out_features=1, bias=False)\n"
        "  )\n"
        "  (act): ReLU(inplace=True)\n"
        "  (soft): Softmax(dim=1)\n"
        "  (loss): CrossEntropyLoss()\n"
        ")"
    )


def test_a_parameter_dict_takes_a_plain_dict_by_name():
    pairs = [("w", betty.zeros(2)), ("b", betty.zeros(3))]
    assert list(nn.ParameterDict(dict(pairs))) == ["b", "w"]
    for ordered in (pairs, OrderedDict(pairs), nn.ParameterDict(pairs), iter(pairs)):
        assert list(nn.ParameterDict(ordered)) == ["w", "b"]
    made = nn.ParameterDict(pairs)
    made.update({"z": betty.zeros(1), "a": betty.zeros(1)})
    assert list(made.keys()) == ["w", "b", "a", "z"]
    with pytest.raises(TypeError, match="element #0 should be Iterable; is int"):
        made.update([1])
    with pytest.raises(ValueError, match="element #1 has length 1; 2 is required"):
        made.update([("q", betty.zeros(1)), ("r",)])


def test_lists_print_equal_neighbours_once():
    blocks = [nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU()), nn.Tanh()]
    assert repr(nn.ModuleList(blocks)) == (
        "ModuleList(\n  (0-1): 2 x Sequential(\n    (0): ReLU()\n  )\n  (2): Tanh()\n)"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"
    named = {"w": betty.zeros(2), "b": betty.zeros(3)}
    assert repr(nn.ParameterDict(named)) == (
        "ParameterDict(\n    (b): Parameter containing: [betty.FloatTensor of size 3]\n"
        "    (w): Parameter containing: [betty.FloatTensor of size 2]\n)"
    )
    assert repr(nn.ParameterList([betty.zeros(2, 3)])) == (
        "ParameterList(\n    (0): Parameter containing: [betty.float32 of size 2x3]\n)"
    )


def test_a_replaced_module_keeps_its_place():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    net[0] = nn.Linear(2, 3, bias=False)
    assert [name for name, _ in net.named_children()] == ["0", "1", "2"]
    assert net[0].bias is None
