"""One level of a multilevel program: data, module, loss, optimizer, hooks.

The loop (when a problem steps, what a step does) is the engine's; this class holds what a user
defines and hands it down. A hook that a subclass does not define is never called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from betty import _native
from betty._native import Tensor
from betty.configs import Config
from betty.hypergradient.info import MethodInfo
from betty.logging import format_losses
from betty.nn import Module
from betty.problems.data import Batches, flatten

if TYPE_CHECKING:
    from betty.engine import Engine
    from betty.envs import Env

__all__ = ["Problem"]

HOOKS = (
    "on_inner_loop_start",
    "grad_callback",
    "param_callback",
    "custom_optimizer_step",
)


class Problem:
    """A level: subclass it and define ``training_step``.

    Args:
        name: Other problems reach this one as an attribute of that name.
        config: Options of the problem.
        module: What is trained; may come from ``configure_module`` instead.
        optimizer: An optimizer over the module's parameters, or ``configure_optimizer``.
        scheduler: A learning-rate scheduler, or ``configure_scheduler``.
        train_data_loader: Any iterable of batches, a list of batches, or a tuple of loaders, whose
            batches come as a list; or ``configure_train_data_loader``.
        extra_config: Anything; found again as ``self.cfg``.
    """

    def __init__(
        self,
        name: str,
        config: Config | None = None,
        module: Module | None = None,
        optimizer: Any = None,
        scheduler: Any = None,
        train_data_loader: Iterable | None = None,
        extra_config: Any = None,
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"Problem: name must be a Python identifier, got {name!r}")
        self._name = name
        self._config = config if config is not None else Config()
        if not isinstance(self._config, Config):
            raise TypeError(
                f"problem '{name}': config must be a Config, got {type(config).__name__}"
            )
        self.cfg = extra_config
        self.module = module
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.train_data_loader = train_data_loader
        self.env: Env | None = None
        self.logger: Any = None
        self.device = "cpu"
        self.cur_batch: Any = None
        self.epoch_counter: Any = None
        self._engine: Engine | None = None
        self._handle: _native.ProblemHandle | None = None
        self._batches: Batches | None = None
        self._stats: dict[str, Any] = {}
        self._training = True
        self._held: list[Any] = []

    # What a user defines.

    def training_step(self, batch: Any) -> Any:
        """The loss of a batch, a scalar tensor, or a dict that holds it as ``"loss"``."""
        raise NotImplementedError(f"problem '{self._name}' defines no training_step")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the problem does: the module's forward pass."""
        return self.module(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def get_batch(self) -> Any:
        """The next batch of the train data loader (a list of one each for several loaders)."""
        if self._batches is None:
            raise RuntimeError(f"problem '{self._name}' has no train data loader")
        return self._batches.next()

    def trainable_parameters(self) -> list[Tensor]:
        """The parameters that this problem's optimizer updates."""
        return list(self.module.parameters()) if self.module is not None else []

    def meta_trainable_parameters(self) -> list[Tensor]:
        """The parameters through which hypergradients flow; all trainable ones by default."""
        return self.trainable_parameters()

    # Set-up, called once by the engine.

    def initialize(self, engine: Engine) -> None:
        """Builds what ``configure_*`` methods define and makes the engine's side of the problem."""
        self._engine = engine
        self._configure("module", "configure_module")
        self._configure("train_data_loader", "configure_train_data_loader")
        self._configure("optimizer", "configure_optimizer")
        self._configure("scheduler", "configure_scheduler")
        if self.train_data_loader is not None:
            self._batches = Batches(self.train_data_loader, self._name, self._epoch_ended)
            self.epoch_counter = self._batches.epochs
        elif type(self).get_batch is Problem.get_batch and engine.env is None:
            raise ValueError(
                f"problem '{self._name}' has no data: give it a train_data_loader, or define "
                "configure_train_data_loader or get_batch"
            )
        callbacks = {name: getattr(self, name) for name in HOOKS if hasattr(self, name)}
        callbacks["training_step"] = self._training_step
        if self._config.replay:
            self._let_engine_draw(callbacks)
        if self.scheduler is not None:
            callbacks["scheduler_step"] = self.scheduler.step
        if self._config.log_step > 0:
            callbacks["log"] = self._log
        self._handle = _native.ProblemHandle(self._name, self._config.options(), callbacks)
        for batch in self._held:
            self._handle.add_batch(flatten(batch))
        self._handle.set_parameters(_trainable(self.trainable_parameters()))
        self._handle.set_meta_parameters(_trainable(self.meta_trainable_parameters()))
        if self.optimizer is not None:
            self._handle.set_optimizer(self.optimizer._handle)
        elif "custom_optimizer_step" not in callbacks and self.trainable_parameters():
            raise ValueError(
                f"problem '{self._name}' has parameters but no optimizer: give it one, or define "
                "configure_optimizer or custom_optimizer_step"
            )

    def _configure(self, attribute: str, method: str) -> None:
        if getattr(self, attribute) is None and hasattr(self, method):
            setattr(self, attribute, getattr(self, method)())

    def _let_engine_draw(self, callbacks: dict[str, Any]) -> None:
        """For replay the engine sees to batches: it holds those of a list, and asks for others."""
        own = type(self).get_batch is Problem.get_batch
        held = self._batches.held() if own and self._batches is not None else None
        if held is None:
            callbacks["source"] = self._draw
            return
        self._held = held
        if hasattr(self, "epoch_callback"):
            callbacks["epoch_callback"] = self.epoch_callback

    def _draw(self) -> list[Tensor]:
        self.cur_batch = self.get_batch()
        return flatten(self.cur_batch)

    def _epoch_ended(self) -> None:
        if hasattr(self, "epoch_callback"):
            self.epoch_callback()

    # What the engine calls.

    def _training_step(self, fresh: bool) -> Tensor:
        if self._held:
            self.cur_batch = self._held[self._handle.batch_index]
        elif not self._config.replay and (fresh or self.cur_batch is None):
            self.cur_batch = self.get_batch()
        result = self.training_step(self.cur_batch)
        if isinstance(result, dict):
            if "loss" not in result:
                raise ValueError(
                    f"problem '{self._name}': training_step returned a dict without 'loss', "
                    f"its keys are {sorted(result)}"
                )
            self._stats = result
            result = result["loss"]
        else:
            self._stats = {"loss": result}
        if not isinstance(result, Tensor):
            raise TypeError(
                f"problem '{self._name}': training_step must return a tensor or a dict with "
                f"'loss', got {type(result).__name__}"
            )
        return result

    def training_step_exec(self, batch: Any) -> Any:
        """Calls ``training_step``; the name under which the reference runs it."""
        return self.training_step(batch)

    def _log(self) -> None:
        step = self.count if self._config.log_local_step else self._engine.global_step
        self._engine.log(format_losses(self._name, self._stats), step)

    def dump(self) -> str:
        """What its steps have been so far, as text; see ``betty.dump``."""
        return self._handle.dump() if self._handle is not None else f"problem '{self._name}'"

    # State.

    def train(self) -> None:
        """Puts the module into training mode."""
        self._training = True
        if self.module is not None:
            self.module.train()

    def eval(self) -> None:
        """Puts the module into evaluation mode."""
        self._training = False
        if self.module is not None:
            self.module.eval()

    def state_dict(self) -> dict[str, Any]:
        """Module, optimizer and scheduler states under the names of the reference."""
        state: dict[str, Any] = {}
        for key in ("module", "optimizer", "scheduler"):
            part = getattr(self, key)
            if part is not None:
                state[key] = part.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave."""
        for key, part in state.items():
            if key not in ("module", "optimizer", "scheduler"):
                raise KeyError(f"problem '{self._name}': unexpected state '{key}'")
            getattr(self, key).load_state_dict(part)

    def parameters(self) -> Iterator[Tensor]:
        """The module's parameters."""
        return iter(self.trainable_parameters())

    def set_problem_attr(self, problem: Problem) -> str:
        """Makes another problem reachable as an attribute of its name; gives the name."""
        if problem is not self:
            if problem.name in Problem.__dict__ or problem.name in self.__dict__:
                existing = self.__dict__.get(problem.name)
                if existing is not problem:
                    raise ValueError(
                        f"problem '{self._name}' already has an attribute '{problem.name}': "
                        "rename the other problem"
                    )
            setattr(self, problem.name, problem)
        return problem.name

    @property
    def name(self) -> str:
        """The problem's name."""
        return self._name

    @property
    def config(self) -> Config:
        """The problem's options."""
        return self._config

    @property
    def count(self) -> int:
        """Micro-steps taken."""
        return self._handle.count if self._handle is not None else 0

    @property
    def parents(self) -> list[Problem]:
        """The upper problems, in the order in which they are stepped."""
        return self._engine.parents_of(self)

    @property
    def children(self) -> list[Problem]:
        """The lower problems."""
        return self._engine.children_of(self)

    @property
    def leaf(self) -> bool:
        """Whether the problem has no lower problem."""
        return not self.children

    @property
    def paths(self) -> list[list[Problem]]:
        """Along each, ``[self, …, lower, self]``, an implicit gradient flows."""
        return self._engine.paths_of(self)

    @property
    def hypergradient_info(self) -> list[MethodInfo]:
        """What the iterative methods on this problem's paths tell of their last call."""
        if self._handle is None:
            return []
        return [MethodInfo.parse(line) for line in self._handle.hypergradient_info().splitlines()]

    def is_implemented(self, name: str) -> bool:
        """Whether a method of that name is defined."""
        return callable(getattr(self, name, None))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self._name!r}, count={self.count})"


def _trainable(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Frozen parameters take no part in gradients or hypergradients."""
    return [p for p in parameters if p.requires_grad]
