"""What every optimizer has: parameter groups, a step, a state that can be saved.

Invariant: an optimizer either has a rule of the engine, which keeps its state, or is a program's
own subclass, whose step and state are Python.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Self

from betty import _native
from betty._creation import tensor, zeros_like
from betty._native import Tensor, evaluate, float32
from betty.autograd import enable_grad
from betty.optim._groups import Groups
from betty.optim._hooks import Hooked
from betty.optim.state import EngineState

__all__ = ["Optimizer", "required"]


class _Required:
    """The class of the mark that stands for an option which has no default."""

    def __repr__(self) -> str:
        return "<required parameter>"


#: Stands in the defaults where every group must give the option.
required = _Required()


def _rule_of(kind: type) -> tuple[str, Any] | None:
    """The engine's rule of a class or of the nearest base that has one, with its numbers' names."""
    for base in kind.__mro__:
        if getattr(base, "__module__", "").startswith("betty.optim."):
            try:
                return base.__name__, _native.optimizer_hyperparameters(base.__name__)
            except KeyError:
                continue
    return None


class Optimizer(Hooked):
    """Base of the optimizers, and of a program's own: those define ``step`` and keep what they need
    in ``self.state[parameter]``.

    Args:
        params: Parameters, or dicts with ``"params"`` and options of their own (groups).
        defaults: Options of groups that don't give them.

    Raises:
        ValueError: No parameters, one given twice, or an option out of range.
    """

    #: Whether the state shows how many steps there were, as PyTorch's does of all but SGD.
    _counts = True
    #: Engine's names of options that are tuples here.
    _pairs: dict[str, tuple[str, ...]] = {}
    _stepped = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """A subclass may set its groups and its state itself and not call ``__init__``."""
        made = super().__new__(cls)
        made._clear({})
        return made

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self._open(defaults)
        if isinstance(params, Tensor):
            raise TypeError(
                f"{type(self).__name__}: params should be an iterable of tensors or dicts, "
                "got a tensor"
            )
        groups = list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__}: got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _clear(self, defaults: dict[str, Any]) -> None:
        """No rule of the engine, no groups, no state."""
        self._engine: Any = None
        self._known: Any = ()
        self._own_state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        # Entries of loaded states that the engine's rule does not know.
        self._kept: dict[int, dict[str, Any]] = {}
        self.defaults = defaults
        self._groups: list[dict[str, Any]] = []

    def _open(self, defaults: dict[str, Any]) -> None:
        self._clear(defaults)
        rule = _rule_of(self._rule_class(defaults))
        if rule is not None:
            self._engine, self._known = _native.OptimizerHandle(rule[0]), rule[1]
            self._groups = Groups(self)

    def _rule_class(self, defaults: dict[str, Any]) -> type:
        """The class whose name is that of the engine's rule."""
        return type(self)

    @property
    def _handle(self) -> Any:
        if self._engine is None:
            raise TypeError(
                f"{type(self).__name__}: its step is Python; a problem takes an optimizer with a "
                "rule of the engine, or overrides custom_optimizer_step"
            )
        return self._engine

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups: what is changed in them holds from the next step on."""
        return self._groups

    @param_groups.setter
    def param_groups(self, groups: list[dict[str, Any]]) -> None:
        own = self._groups
        if isinstance(own, Groups) and own._optimizer is self:
            groups, count = list(groups), len(own)
            own[:] = groups[:count]
            own.extend(groups[count:])
        else:
            self._groups = groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group; options it doesn't give are the defaults."""
        params = param_group["params"]
        if isinstance(params, (set, frozenset)):
            raise TypeError(f"{type(self).__name__}: a set of parameters has no order, take a list")
        params = [params] if isinstance(params, Tensor) else list(params)
        names = [param[0] for param in params if _is_named(param)]
        if names and len(names) < len(params):
            raise ValueError(f"{type(self).__name__}: some parameters have names and some have not")
        params = [param[1] if _is_named(param) else param for param in params]
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"{type(self).__name__}: can optimize tensors only, got {type(param).__name__}"
                )
            if not param.is_leaf:
                raise ValueError(f"{type(self).__name__}: can't optimize a non-leaf tensor")
        taken = {id(p) for group in self.param_groups for p in group["params"]}
        if len({id(p) for p in params} | taken) < len(params) + len(taken):
            raise ValueError(f"{type(self).__name__}: a parameter appears more than once")
        values = {**self.defaults, **param_group, "params": params}
        missing = next((key for key, value in values.items() if value is required), None)
        if missing is not None:
            raise ValueError(
                f"{type(self).__name__}: parameter group didn't specify a value of required "
                f"optimization parameter {missing}"
            )
        if names:
            values["param_names"] = names
        if values.get("foreach") and values.get("fused"):
            raise RuntimeError(f"{type(self).__name__}: foreach and fused exclude each other")
        hyper: dict[str, float] = {}
        for key, value in values.items():
            hyper.update(self._numbers(key, value))
        if self._engine is not None:
            self._engine.add_group(params, hyper)
        if isinstance(self._groups, Groups) and self._groups._optimizer is self:
            self._groups._add(values)
        else:  # the groups of an optimizer that this one is around go into that one's rule as well
            self._groups.append(values)

    def _numbers(self, key: str, value: Any) -> dict[str, float]:
        """An option as the engine's named numbers; other entries of a group are the user's own."""
        if key in self._pairs:
            return {name: float(part) for name, part in zip(self._pairs[key], value, strict=True)}
        return {key: float(value)} if key in self._known else {}

    def _push(self, index: int, key: str, value: Any) -> None:
        for name, number in self._numbers(key, value).items():
            self._handle.set(index, name, number)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient."""
        if self._engine is None:
            raise NotImplementedError(f"{type(self).__name__}: an optimizer defines its step")
        self._stepped = True
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._engine.step()
        return loss

    def _has_stepped(self) -> bool:
        """Whether a step was taken, by `step` or a problem; of steps in Python it is not known."""
        if self._engine is None or self._stepped:
            return True
        params = [param for group in self.param_groups for param in group["params"]]
        return any(self._engine.steps(param) > 0 for param in params)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients, or fills them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    if set_to_none:
                        param.grad = None
                    else:
                        param.grad.zero_()

    @property
    def state(self) -> MutableMapping[Tensor, dict[str, Any]]:
        """The state of each parameter that has been updated; what is changed in it is changed."""
        return self._own_state if self._engine is None else EngineState(self)

    @state.setter
    def state(self, value: dict[Tensor, dict[str, Any]]) -> None:
        if self._engine is None:
            self._own_state = value
            return
        for index, group in enumerate(self.param_groups):
            for param in group["params"]:
                self._load_entries(index, param, value.get(param, {}))

    def _state_of(self, index: int, param: Tensor) -> dict[str, Any]:
        if self._engine is None:
            return self._own_state.get(param, {})
        steps = self._handle.steps(param)
        if steps == 0:
            return {}
        entries: dict[str, Any] = (
            {"step": tensor(float(steps), dtype=float32)} if self._counts else {}
        )
        for name in self._handle.state_names(index):
            entries[name] = self._handle.state(param, name)
        entries.update(self._derived(self.param_groups[index], steps))
        return entries | self._kept.get(id(param), {})

    def _has_state(self, index: int, param: Tensor) -> bool:
        """Whether a parameter of the engine's has a state that is shown."""
        handle = self._handle
        shown = self._counts or self._kept.get(id(param)) or handle.state_names(index)
        return bool(shown) and handle.steps(param) > 0

    def _derived(self, group: dict[str, Any], steps: int) -> dict[str, Any]:
        """Entries of PyTorch's state that follow from the others; not read when loaded."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Groups with parameters numbered, and the state by number."""
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self)
        state = self._saved()
        for hook in list(self._state_dict_post_hooks.values()):
            changed = hook(self, state)
            state = state if changed is None else changed
        return state

    def _saved(self) -> dict[str, Any]:
        groups, state, first = [], {}, 0
        for index, group in enumerate(self.param_groups):
            params = group["params"]
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = list(range(first, first + len(params)))
            groups.append(packed)
            for number, param in enumerate(params, first):
                entries = self._state_of(index, param)
                if entries:
                    state[number] = entries
            first += len(params)
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave, for parameters in the same order; all of it or nothing.

        Args:
            state_dict: Groups and states, also such as PyTorch's optimizers have saved. Numbers
                become those of the parameter's element type.

        Raises:
            ValueError: Groups of other sizes, a state of another shape, an option out of range.
        """
        for hook in list(self._load_state_dict_pre_hooks.values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups = state_dict["param_groups"]
        if [len(g["params"]) for g in groups] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError(
                "loaded state dict has parameter groups of other sizes than the optimizer's"
            )
        numbers = [number for group in groups for number in group["params"]]
        state = {own: state_dict["state"].get(n, {}) for own, n in enumerate(numbers)}
        values = [value for entries in state.values() for value in entries.values()]
        evaluate(*(x for x in values if isinstance(x, Tensor) and not x._is_evaluated))
        before = [dict(group) for group in self.param_groups]
        held = {
            number: {k: v.clone() if isinstance(v, Tensor) else v for k, v in entries.items()}
            for number, entries in self._saved()["state"].items()
        }
        try:
            self._load_groups(groups)
            self._load_state(state)
        except BaseException:
            for group, kept in zip(self.param_groups, before, strict=True):
                for key in set(group) - set(kept):
                    del group[key]
            self._load_groups(before)
            self._load_state(held)
            raise
        for hook in list(self._load_state_dict_post_hooks.values()):
            hook(self)

    def _load_groups(self, groups: list[dict[str, Any]]) -> None:
        for group, loaded in zip(self.param_groups, groups, strict=True):
            for key, value in loaded.items():
                if key != "params":
                    group[key] = value

    def _load_state(self, state: dict[int, dict[str, Any]]) -> None:
        """Takes the state of each parameter by its number over all groups."""
        params = [param for group in self.param_groups for param in group["params"]]
        if self._engine is None:
            self._own_state.clear()
            for number, entries in state.items():
                self._own_state[params[number]].update(
                    (name, _fitted(params[number], name, value, copy=True))
                    for name, value in entries.items()
                )
            return
        indices = [i for i, group in enumerate(self.param_groups) for _ in group["params"]]
        for number, (index, param) in enumerate(zip(indices, params, strict=True)):
            self._load_entries(index, param, state.get(number, {}))

    def _load_entries(self, index: int, param: Tensor, entries: dict[str, Any]) -> None:
        """Takes a parameter's state; what is not in it is as before the first step."""
        handle, names = self._handle, self._handle.state_names(index)
        derived = self._derived(self.param_groups[index], 0)
        given = {name: value for name, value in entries.items() if value is not None}
        own = {name: given.pop(name) for name in names if name in given}
        # PyTorch counts no steps of SGD: with a momentum buffer there has been one.
        steps = int(given.pop("step", 1 if own else 0))
        if steps or handle.steps(param):
            for name in names:
                value = own.get(name)
                if value is None:
                    value = zeros_like(param)
                handle.set_state(param, name, _fitted(param, name, value))
            handle.set_steps(param, steps)
        self._kept[id(param)] = {k: v for k, v in given.items() if k not in derived}

    def __getstate__(self) -> dict[str, Any]:
        groups = [dict(group) for group in self.param_groups]
        return {
            "defaults": self.defaults, "groups": groups, "state": self._saved()["state"]
        }  # fmt: skip

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self._open(saved["defaults"])
        for group in saved["groups"]:
            self.add_param_group(group)
        self._load_state(saved["state"])

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for index, group in enumerate(self.param_groups):
            text += f"\nParameter Group {index}\n"
            text += "".join(
                f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"
            )
        return text + ")"


def _is_named(param: Any) -> bool:
    """Whether it is a pair as ``named_parameters`` gives them."""
    return isinstance(param, tuple) and len(param) == 2 and isinstance(param[0], str)


def _fitted(param: Tensor, name: str, value: Any, copy: bool = False) -> Any:
    """An entry of a state in the parameter's element type; numbers of steps stay as they are."""
    if not isinstance(value, Tensor):
        return value
    is_number = name != "step" and param.is_floating_point() and value.is_floating_point()
    kept = value.detach().to(param.dtype) if is_number else value.detach()
    return kept.clone() if copy else kept
