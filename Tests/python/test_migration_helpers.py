"""Names that programs for PyTorch carry and that change nothing here."""

import betty
import pytest
from betty import nn
from betty.utils.checkpoint import checkpoint, checkpoint_sequential


@betty.jit.script
def doubled(x):
    return 2 * x


class Scripted(nn.Module):
    @betty.jit.unused
    def a(self):
        return 1

    @betty.jit.ignore
    def b(self):
        return 2

    @betty.jit.ignore(drop=True)
    def c(self):
        return 3

    @betty.jit.export
    def forward(self, x):
        if betty.jit.is_scripting() or betty.jit.is_tracing():
            raise AssertionError
        return betty.jit.annotate(betty.Tensor, doubled(x))


def test_decorators_of_torchscript_leave_functions_as_they_are():
    module = betty.jit.script(Scripted())
    assert (module.a(), module.b(), module.c()) == (1, 2, 3)
    assert module(betty.ones(1)).item() == 2


def test_checkpointed_functions_have_their_gradients():
    x = betty.tensor([2.0], requires_grad=True)
    y = checkpoint(lambda x, power: x**power, x, power=3, use_reentrant=False)
    y = checkpoint_sequential(nn.Sequential(nn.Flatten(0), nn.Identity()), 2, y)
    y.sum().backward()
    assert x.grad.tolist() == [12]


def test_assert_names_what_it_is_told():
    betty._assert(True, "never")
    with pytest.raises(AssertionError, match="sizes differ"):
        betty._assert(False, "sizes differ")
