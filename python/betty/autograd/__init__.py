"""Gradients of recorded computations, under PyTorch's names.

Invariant: gradients are recorded operations as any other, so nothing here computes.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self, TypeVar

from betty import _native
from betty._checks import check_flag
from betty._hooks import accumulated, any_hooks, through_hooks
from betty._native import Tensor
from betty._warnings import warn
from betty.autograd.function import Function

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


_F = TypeVar("_F", bound=Callable[..., Any])


def _tuple(tensors: Any) -> tuple:
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def _tensors(what: str, given: Any) -> tuple:
    """What grad takes: one tensor or several."""
    if not isinstance(given, Iterable):
        raise TypeError(f"grad: {what} must be a Tensor or several, got {type(given).__name__}")
    return _tuple(given)


def _cotangents(outputs: tuple, given: Any) -> tuple | None:
    if given is None:
        return None
    cotangents = _tuple(given)
    for output, cotangent in zip(outputs, cotangents, strict=False):
        if cotangent is not None and cotangent.shape != output.shape:
            raise RuntimeError(
                f"backward: a gradient of shape {list(cotangent.shape)} for an output of shape "
                f"{list(output.shape)}"
            )
    return cotangents


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None
) -> None:
    """Add to `.grad` of every leaf that `tensors` depend on (or of `inputs` only)."""
    outputs = _tuple(tensors)
    cotangents = _cotangents(outputs, grad_tensors)
    if create_graph:
        warn(
            "Using backward() with create_graph=True will create a reference cycle between the "
            "parameter and its gradient which can cause a memory leak. We recommend using "
            "autograd.grad when creating the graph to avoid this."
        )
    if inputs is None:
        keep = create_graph if retain_graph is None else retain_graph
        if any_hooks():
            through_hooks(outputs, cotangents, None, bool(keep), bool(create_graph))
        else:
            _native.backward(outputs, cotangents, bool(keep), bool(create_graph))
        return
    leaves = _tuple(inputs)
    if not leaves:
        raise RuntimeError("backward: inputs are empty, give None for all leaves")
    if any_hooks():
        grads = through_hooks(outputs, cotangents, leaves, True, bool(create_graph))
    else:
        grads = _native.grad(outputs, cotangents, leaves, True, bool(create_graph), True)
    for leaf, gradient in zip(leaves, grads, strict=True):
        if gradient is not None:
            accumulated(leaf, gradient, bool(create_graph))


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`, without touching `.grad`."""
    if is_grads_batched:
        raise NotImplementedError("grad: is_grads_batched is not supported")
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads needs allow_unused to be None or True")
    outs, ins = _tensors("outputs", outputs), _tensors("inputs", inputs)
    if not ins:
        raise RuntimeError("grad: inputs are empty")
    cotangents = _cotangents(outs, grad_outputs)
    unused = bool(allow_unused or materialize_grads)
    keep = create_graph if retain_graph is None else retain_graph
    if any_hooks():
        grads = tuple(through_hooks(outs, cotangents, ins, bool(keep), bool(create_graph)))
        for place, (x, gradient) in enumerate(zip(ins, grads, strict=True)):
            if not x.requires_grad:
                raise RuntimeError(f"grad: input {place} does not require grad")
            if gradient is None and not unused:
                raise RuntimeError(
                    f"grad: input {place} is not used by the outputs, set allow_unused=True if "
                    "this is meant"
                )
    else:
        grads = _native.grad(outs, cotangents, ins, bool(keep), bool(create_graph), unused)
    if materialize_grads:
        zeros = _native.operation("zeros_like")
        grads = tuple(zeros(x) if g is None else g for x, g in zip(ins, grads, strict=True))
    return grads


def is_grad_enabled() -> bool:
    """Whether operations on this thread are recorded for gradients."""
    return _native.grad_mode_get()


class _Mode:
    """A grad mode as a context and as a decorator."""

    _enabled: bool

    def __init__(self, func: Callable | None = None) -> None:
        self._previous: list[bool] = []

    def __new__(cls, func: Callable | None = None) -> Self:
        mode = super().__new__(cls)
        if callable(func) and cls in (no_grad, enable_grad):
            mode.__init__()
            return mode(func)  # type: ignore[return-value]
        return mode

    def __enter__(self) -> None:
        self._previous.append(_native.grad_mode_set(self._enabled))

    def __exit__(self, *exception: object) -> None:
        _native.grad_mode_set(self._previous.pop())

    def _fresh(self) -> _Mode:
        return type(self)()

    def __call__(self, func: _F) -> _F:
        if inspect.isgeneratorfunction(func):
            return self._around(func)  # type: ignore[return-value]

        @functools.wraps(func)
        def call(*arguments, **keywords):
            with self._fresh():
                return func(*arguments, **keywords)

        return call  # type: ignore[return-value]

    def _around(self, func: Callable) -> Callable:
        """A generator whose parts run in the mode; what asks for them keeps its own."""

        @functools.wraps(func)
        def generate(*arguments, **keywords):
            generator = func(*arguments, **keywords)
            resume, sent = generator.send, None
            while True:
                try:
                    with self._fresh():
                        made = resume(sent)
                except StopIteration as end:
                    return end.value
                try:
                    resume, sent = generator.send, (yield made)
                except GeneratorExit:
                    with self._fresh():
                        generator.close()
                    raise
                except BaseException as error:
                    resume, sent = generator.throw, error

        return generate


class no_grad(_Mode):
    """Operations inside are not recorded for gradients."""

    _enabled = False


class enable_grad(_Mode):
    """Operations inside are recorded for gradients."""

    _enabled = True


class inference_mode(_Mode):
    """As no_grad; `inference_mode(False)` changes nothing."""

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self._enabled = not mode and is_grad_enabled()

    def __new__(cls, mode: Any = True) -> Self:
        if callable(mode):
            return cls()(mode)
        return object.__new__(cls)

    def _fresh(self) -> _Mode:
        return inference_mode(not self._enabled)


class set_grad_enabled(_Mode):
    """Sets the mode at once; as a context it is put back at the end."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        check_flag("set_grad_enabled", "mode", mode)
        self._enabled = mode
        self._previous.append(_native.grad_mode_set(self._enabled))

    def __new__(cls, mode: bool):
        return object.__new__(cls)

    def __enter__(self) -> None:
        """The mode was set when this was made."""

    def _fresh(self) -> _Mode:
        return set_grad_enabled(self._enabled)

    def __call__(self, func: Callable) -> Callable:
        _native.grad_mode_set(self._previous.pop())  # a decorator changes nothing now
        return super().__call__(func)


class set_detect_anomaly:
    """Accepted: what was recorded can be looked at with ``betty.dump``."""

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


class detect_anomaly(set_detect_anomaly):
    """Accepted, as ``set_detect_anomaly``."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)


def Variable(data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Tensor:
    """The tensor itself: every tensor is what a Variable once was."""
    fresh = data.detach() if requires_grad != data.requires_grad else data
    if requires_grad:
        fresh.requires_grad = True
    return fresh


# Imported when first asked for: `import betty` stays quick.
_LATER = {
    "forward_ad": None, "functional": None, "graph": None, "profiler": None,
    "gradcheck": "checks", "gradgradcheck": "checks",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'betty.autograd' has no attribute '{name}'")
    place = _LATER[name]
    module = importlib.import_module(f"betty.autograd.{place or name}")
    found = module if place is None else getattr(module, name)
    globals()[name] = found
    return found


def _backward_method(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Tensor] | None = None,
) -> None:
    """Add to `.grad` of every leaf that this tensor depends on."""
    backward(self, None if gradient is None else (gradient,), retain_graph, create_graph, inputs)


Tensor.backward = _backward_method  # type: ignore[method-assign]
