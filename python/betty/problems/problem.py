"""One level of a multilevel program: data, module, loss, optimizer, hooks.

The loop (when a problem steps, what a step does) is the engine's; this class holds what a user
defines and hands it down. A hook that a subclass does not define is never called.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from betty import _native
from betty._hooks import any_hooks, hooked_in
from betty._native import Tensor, evaluate
from betty.configs import Config
from betty.hypergradient.info import MethodInfo
from betty.nn import Module, Parameter
from betty.nn.functional.normalization import recording_part
from betty.optim.lr_scheduler import ReduceLROnPlateau
from betty.problems.data import Batches, Loaders, flatten, to_tensors
from betty.problems.parts import ProblemParts
from betty.problems.replicas import merged, refilled
from betty.problems.setup import check_parts, checked_name
from betty.problems.state import PARTS, ProblemState

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
DRAWS = ("get_batch", "get_batch_single_loader")


class Problem(ProblemState, ProblemParts):
    """A level: subclass it and define ``training_step``.

    Args:
        name: Other problems reach this one as an attribute of that name (by ``getattr``, if it is
            none that can be written).
        config: Options of the problem.
        module: What is trained; may come from ``configure_module`` instead.
        optimizer: An optimizer over the module's parameters, or ``configure_optimizer``.
        scheduler: A learning-rate scheduler, or ``configure_scheduler``. It steps with the problem;
            a ``ReduceLROnPlateau`` needs a metric, so ``validation`` steps it.
        train_data_loader: Any iterable of batches, a list of batches, or a tuple of loaders, whose
            batches come as a tuple; or ``configure_train_data_loader``. After set-up it is the list
            of loaders. A list or tuple that a loader gives is a tuple as a batch.
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
        self._name = checked_name(name)
        if not isinstance(config, Config | None):
            raise TypeError(
                f"problem '{name}': config must be a Config, got {type(config).__name__}"
            )
        check_parts(name, module=module, optimizer=optimizer, scheduler=scheduler)
        self._take_options(config if config is not None else Config())
        self.cfg = extra_config
        self._handle: _native.ProblemHandle | None = None
        self.module = module
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.train_data_loader: Any = train_data_loader
        self.env: Env | None = None
        self.logger: Any = None
        self.device = "cpu"
        self.cur_batch: Any = None
        # The batch to draw next, instead of the loader's.
        self._given: tuple[Any] | None = None
        # The batch of a step that is none of the engine's.
        self._aside: tuple[Any] | None = None
        # Whether the engine's step is under way; else the batch that a loss was asked of by hand.
        self._is_descending = False
        self._loss_batch: Any = None
        self._engine: Engine | None = None
        self._batches: Batches | None = None
        # Of each replica of the last recorded step, its share of the rows and what it returned.
        self._records: list[tuple[float, dict[str, Any]]] = []
        self._training = True
        self._held: list[Any] = []
        self._resumed: dict[str, Any] = {}
        self._is_joined = False
        self._is_by_parts = False
        self._is_taken_apart = False
        self._repeats = False
        self._cached: Any = None
        self._replays = False
        self._is_drawn = False
        self._is_parallel = False
        self._dealt: tuple[list[Tensor], dict[str, Any]] | None = None

    # What a user defines.

    def training_step(self, batch: Any) -> Any:
        """The loss of a batch, a scalar tensor, or a dict that holds it as ``"loss"``."""
        raise NotImplementedError(f"problem '{self._name}' defines no training_step")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the problem does: the module's forward pass."""
        if self.module is None:
            raise RuntimeError(f"problem '{self._name}' has no module yet that could be called")
        return self.module(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def get_batch(self) -> Any:
        """The next batch of the train data loader (a tuple of one each for several loaders)."""
        if self._batches is None:
            raise RuntimeError(f"problem '{self._name}' has no train data loader")
        if type(self).get_batch_single_loader is Problem.get_batch_single_loader:
            return self._batches.next()
        parts = [self.get_batch_single_loader(idx) for idx in range(len(self._batches.loaders))]
        return tuple(parts) if self._batches.several else parts[0]

    def trainable_parameters(self) -> list[Tensor]:
        """The parameters that this problem's optimizer updates, while they require gradients."""
        return list(self.module.parameters()) if self.module is not None else []

    def meta_trainable_parameters(self) -> list[Tensor]:
        """The parameters through which hypergradients flow; all trainable ones by default."""
        return self.trainable_parameters()

    # Set-up, called once by the engine.

    def initialize(self, engine: Engine | None = None) -> None:
        """Builds what ``configure_*`` methods define and makes the engine's side of the problem."""
        self._engine = engine if engine is not None else self._engine
        self._configure("train_data_loader", "configure_train_data_loader")
        self._configure("module", "configure_module")
        self._configure("optimizer", "configure_optimizer")
        self._configure("scheduler", "configure_scheduler")
        check_parts(self._name, **{key: getattr(self, key) for key in PARTS})
        self.patch_scheduler()
        self._fit_optimizer()
        self._check_optimizer()
        if self.train_data_loader is not None:
            self._batches = Batches(self._loaders(), self._name, self._epoch_ended)
        elif type(self).get_batch is Problem.get_batch:
            raise ValueError(
                f"problem '{self._name}' has no data: give it a train_data_loader, or define "
                "configure_train_data_loader or get_batch"
            )
        callbacks = {name: getattr(self, name) for name in HOOKS if self.is_implemented(name)}
        callbacks.update(training_step=self._training_step, log=self._log)
        buffers = list(self.module.buffers()) if hasattr(self.module, "buffers") else []
        if buffers:
            # A first step on initial values that are only recorded would be a program of its own.
            evaluate(*buffers)
        config = getattr(self._engine, "config", None)
        self._is_parallel = getattr(config, "strategy", "default") == "data_parallel"
        self._is_by_parts = self._own_parts(Problem)
        if self._is_by_parts:
            callbacks["descend"] = self._descend
            self._is_parallel = False
        options = self._told()
        self._replays = options["replay"]
        self._is_drawn = self._replays or self._is_parallel
        if self._is_drawn:
            self._let_engine_draw(callbacks)
        self._is_scheduled = self.scheduler is not None
        if self._is_scheduled:
            callbacks["scheduler_step"] = self._scheduler_step
            self.optimizer._stepped = True  # the engine knows which comes first
        self._handle = _native.ProblemHandle(self._name, options, callbacks)
        self._config._follow(self)
        for batch in self._held:
            self._handle.add_batch(flatten(batch))
        if self._dealt is not None:
            self._handle.set_data(*self._dealt)
        self._register()
        self._handle.set_training(self._training)
        self._resume()

    def _loaders(self) -> list[Any]:
        given = self.train_data_loader
        several = isinstance(given, (tuple, Loaders))
        self.train_data_loader = Loaders(given if several else [given])
        return self.train_data_loader

    def _register(self) -> None:
        """Tells the engine what is trained, and with what."""
        params = _own(self.trainable_parameters())
        trainable = [p for p in params if p.requires_grad]
        own = "custom_optimizer_step"
        if self.optimizer is None and trainable and not self.is_implemented(own):
            raise ValueError(
                f"problem '{self._name}' has parameters but no optimizer: give it one, or define "
                "configure_optimizer or custom_optimizer_step"
            )
        self._handle.set_parameters(params)
        self._handle.set_meta_parameters(_own(self.meta_trainable_parameters()))
        self._handle.set_buffers(_others(self.module, params))
        self._handle.set_optimizer(self._engine_optimizer())

    def _configure(self, attribute: str, method: str) -> None:
        if getattr(self, attribute) is None and self.is_implemented(method):
            setattr(self, attribute, getattr(self, method)())

    def _let_engine_draw(self, callbacks: dict[str, Any]) -> None:
        """For replay and replicas the engine sees to batches.

        For replay it holds those of a list, deals out rows of tensors as their loader would; it
        asks for others.
        """
        own = self._replays and all(
            getattr(type(self), name) is getattr(Problem, name) for name in DRAWS
        )
        batches = self._batches if own else None
        self._dealt = batches.dealt() if batches is not None else None
        held = batches.held() if batches is not None else None
        if self._dealt is None and held is None:
            callbacks["source"] = self._draw
            return
        self._held = held or []
        callbacks["epoch_callback"] = self._held_ended

    def _draw(self) -> list[Tensor]:
        given, self._given = self._given, None
        batch = self.get_batch() if given is None else given[0]
        # The engine puts parts of other batches in their place.
        is_bound = self._is_parallel or self._replays
        self.cur_batch = to_tensors(batch, arrays=True) if is_bound else batch
        return flatten(self.cur_batch)

    def _epoch_ended(self) -> None:
        if self.is_implemented("epoch_callback"):
            self.epoch_callback()

    def _held_ended(self) -> None:
        self._epoch_ended()
        self._batches.loaders[0].epoch += 1

    def _scheduler_step(self) -> None:
        if self.scheduler is not None and not isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step()

    # What the engine calls.

    def _training_step(self, fresh: bool) -> Tensor:
        batch = self._batch_of_step(fresh)
        replica, count, share = self._handle.replica if self._is_parallel else (0, 1, 1.0)
        if count > 1:
            parts = (self._handle.batch(index) for index in range(len(flatten(batch))))
            with recording_part(self._engine.config.sync_batchnorm):
                result = self.training_step_exec(refilled(batch, parts))
        else:
            result = self.training_step_exec(batch)
        stats = result if isinstance(result, dict) else {"loss": result}
        if "loss" not in stats:
            raise ValueError(
                f"problem '{self._name}': training_step returned a dict without 'loss', "
                f"its keys are {sorted(stats)}"
            )
        self._records = [*(self._records if replica > 0 else ()), (share, stats)]
        result = stats["loss"]
        if not isinstance(result, Tensor):
            raise TypeError(
                f"problem '{self._name}': training_step must return a tensor or a dict with "
                f"'loss', got {type(result).__name__}"
            )
        if any_hooks():
            self._check_hooks(result)
        return result

    def _check_hooks(self, loss: Tensor) -> None:
        """The step's gradients are part of its program: there is nothing to call a hook with."""
        if loss.requires_grad and hooked_in((loss,)):
            raise RuntimeError(
                f"problem '{self._name}': the engine's steps can't call hooks of "
                "Tensor.register_hook; use grad_callback"
            )

    def training_step_exec(self, batch: Any) -> Any:
        """What a step runs: ``training_step``, unless a subclass wraps it."""
        return self.training_step(batch)

    def _log(self) -> None:
        self.log(self.stats(), self._engine.global_step if self._engine else None)

    def stats(self) -> dict[str, Any]:
        """What the last recorded step returned, its loss as a number."""
        if not self._records:
            return {}
        return {
            key: value.item() if key == "loss" and hasattr(value, "item") else value
            for key, value in merged(self._records).items()
        }

    # State.

    def train(self) -> None:
        """Puts the module into training mode."""
        self._set_training(True)

    def eval(self) -> None:
        """Puts the module into evaluation mode."""
        self._set_training(False)

    def _set_training(self, flag: bool) -> None:
        self._training = flag
        if self.module is not None:
            self.module.train(flag)
        if self._handle is not None:
            self._handle.set_training(flag)

    def set_problem_attr(self, problem: Problem) -> str:
        """Makes another problem reachable as an attribute of its name; gives the name."""
        if problem is not self:
            existing = self.__dict__.get(problem.name)
            taken = hasattr(type(self), problem.name) or problem.name in self.__dict__
            if taken and not isinstance(existing, Problem):
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
    def count(self) -> int:
        """Micro-steps taken."""
        return self._handle.count if self._handle is not None else 0

    @property
    def parents(self) -> list[Problem]:
        """The upper problems, in the order in which they are stepped."""
        return [] if self._engine is None else self._engine.parents_of(self)

    @property
    def children(self) -> list[Problem]:
        """The lower problems."""
        return [] if self._engine is None else self._engine.children_of(self)

    @property
    def leaf(self) -> bool:
        """Whether the problem has no lower problem."""
        return not self.children

    @property
    def paths(self) -> list[list[Problem]]:
        """Along each, ``[self, …, lower, self]``, an implicit gradient flows."""
        return [] if self._engine is None else self._engine.paths_of(self)

    @property
    def hypergradient_info(self) -> list[MethodInfo]:
        """What the iterative methods on this problem's paths tell of their last call."""
        if self._handle is None:
            return []
        return [MethodInfo.parse(line) for line in self._handle.hypergradient_info().splitlines()]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self._name!r}, count={self.count})"


def _own(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Frozen ones too: the engine leaves them alone for as long as they are."""
    return [p for p in parameters if p.requires_grad or isinstance(p, Parameter)]


def _others(module: Any, params: list[Tensor]) -> list[Tensor]:
    """What a module holds beside the problem's parameters."""
    if module is None:
        return []
    taken = {id(parameter) for parameter in params}
    found = [*module.parameters(), *module.buffers()]
    return [tensor for tensor in found if id(tensor) not in taken]
