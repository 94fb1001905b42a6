"""What a program may ask of a problem, or change in it, beside defining it: one place for the names
of the reference that are not part of the definition of a level.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from betty import _native
from betty._native import Tensor
from betty.logging import format_losses
from betty.problems.data import Iterators, checked
from betty.problems.options import ProblemOptions
from betty.problems.setup import check_parts, check_schedule, check_step, fitted_optimizer, follow

__all__ = ["ProblemAccess"]


class Alias:
    """Another name of an attribute, or of one of an attribute; a program's own of that name hides
    it."""

    def __init__(self, *way: str) -> None:
        self.way = way

    def __get__(self, problem: Any, kind: type | None = None) -> Any:
        for name in () if problem is None else self.way:
            problem = getattr(problem, name, None)
        return problem


class ProblemAccess(ProblemOptions):
    """The part of :class:`~betty.problems.Problem` that users call and do not define."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What Problem defines; and the problems that it is joined with, by name."""

    # Parts that are exchanged; programs are compiled anew where needed.

    @property
    def module(self) -> Any:
        """The module, whose attributes only the program knows. Another one may be put in place at
        any time: an optimizer over the old one's parameters is made anew."""
        return self._module

    @module.setter
    def module(self, module: Any) -> None:
        self._exchange("module", module, self.patch_module)

    @property
    def optimizer(self) -> Any:
        """The optimizer. Another one may be put in place at any time, also by a hook: inner loops
        that begin with a new one do that."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        self._exchange("optimizer", optimizer, self.patch_optimizer)

    def _exchange(self, name: str, part: Any, patch: Callable[[], None]) -> None:
        """Puts a part in place; the one that was there stays if the other can't be taken."""
        before = self.__dict__.get(f"_{name}")
        if self._handle is not None:
            check_parts(self.name, **{name: part})
        self.__dict__[f"_{name}"] = part
        if self._handle is None or part is before:
            return
        try:
            patch()
        except Exception:
            self.__dict__[f"_{name}"] = before
            raise

    def set_module(self, module: Any) -> None:
        """Puts another module in place; an optimizer over the old one's parameters is made anew."""
        check_parts(self.name, module=module)
        self.module = module

    def set_optimizer(self, optimizer: Any) -> None:
        """Puts another optimizer in place."""
        check_parts(self.name, optimizer=optimizer)
        self.optimizer = optimizer

    def set_scheduler(self, scheduler: Any) -> None:
        """Puts another schedule in place; it must be one of the problem's optimizer."""
        if self._handle is not None and not self._is_scheduled:
            raise RuntimeError(
                f"problem '{self.name}': its first scheduler must be there when the engine is made"
            )
        check_parts(self.name, scheduler=scheduler)
        check_schedule(self.name, scheduler, self.optimizer)
        self.scheduler = scheduler

    def set_train_data_loader(self, loader: Any, idx: int = 0) -> None:
        """Puts another loader in the place of number ``idx``; it begins when the one under way has
        ended, but where the engine deals out rows for replay: there with the next batch.

        Raises:
            RuntimeError: The problem has no loaders, or the engine holds their batches for replay,
                or deals out their rows and could not do so with the new one.
            IndexError: There is no such loader.
        """
        if self._batches is None or self._held:
            raise RuntimeError(f"problem '{self.name}': its train data loader can't be replaced")
        given = self._batches.given
        if not 0 <= idx < len(given):
            raise IndexError(f"problem '{self.name}': train data loader {idx} of {len(given)}")
        before, given[idx] = given[idx], checked(loader, self.name)
        if self._dealt is None:
            return
        dealt = self._batches.dealt()
        if dealt is None:
            given[idx] = before
            raise RuntimeError(
                f"problem '{self.name}': its train data loader can only be replaced by one of "
                "the rows of a TensorDataset"
            )
        self._dealt = dealt
        self._handle.set_data(*dealt)

    def patch_everything(self) -> None:
        """Tells the engine of the parts as they are now."""
        self.patch_optimizer()

    def patch_module(self) -> None:
        """As ``patch_everything``, after the module was exchanged."""
        if self.module is not None:
            self.module.train(self._training)
        self.patch_optimizer()

    def patch_optimizer(self) -> None:
        """As ``patch_everything``, after the optimizer was exchanged."""
        self._fit_optimizer()
        if self._handle is not None:
            self._register()

    def _fit_optimizer(self) -> None:
        given = self.optimizer
        if given is None:
            return
        if not self._steps_itself():
            check_step(self.name, given)
        groups = self.param_groups() if self.is_implemented("param_groups") else None
        params = self.trainable_parameters()
        self._optimizer = fitted_optimizer(self.name, given, groups, params)
        if self._optimizer is not given and self.scheduler is not None:
            follow(self.scheduler, self.optimizer)

    def patch_scheduler(self) -> None:
        """As ``patch_everything``, after the schedule was exchanged."""
        check_schedule(self.name, self.scheduler, self.optimizer)

    def patch_data_loader(self, loader: Any) -> Any:
        """A loader as the engine will use it: as it is."""
        return loader

    # Parts of a step; see also parts.py.

    def step(self, global_step: int | None = None) -> None:
        """One step, with all that it sets off in the problems above: what the engine does for a
        problem without lower ones."""
        if self._handle is None:
            raise RuntimeError(f"problem '{self.name}': step needs an Engine that has the problem")
        self._handle.step()

    def get_batch_single_loader(self, idx: int) -> Any:
        """The next batch of loader number ``idx``."""
        return self._batches.loaders[idx].next()

    def epoch_callback_exec(self) -> None:
        """Calls ``epoch_callback`` if there is one."""
        self._epoch_ended()

    # Questions.

    def is_implemented(self, fn_name: str) -> bool:
        """Whether a method of that name is defined."""
        return callable(getattr(self, fn_name, None))

    def is_rank_zero(self) -> bool:
        """Whether this process is the one that logs."""
        return True

    def parameters(self) -> list[Tensor]:
        """The module's parameters."""
        return list(self.module.parameters()) if self.module is not None else []

    def get_opt_param_group_for_param(self, param: Tensor) -> dict[str, Any] | None:
        """The optimizer's group of a parameter."""
        for group in self.optimizer.param_groups:
            if any(each is param for each in group["params"]):
                return group
        return None

    def get_opt_state_for_param(self, param: Tensor) -> dict[str, Any]:
        """The optimizer's state of a parameter; empty before its first update."""
        return self.optimizer.state.get(param, {})

    @property
    def epoch_counter(self) -> list[int] | None:
        """How often each loader has ended."""
        return None if self._batches is None else self._batches.epochs

    @property
    def train_data_iterator(self) -> Iterators | None:
        """The iterator of each loader that is under way; None where the engine draws batches."""
        engine_draws = self._batches is None or self._held or self._dealt is not None
        return None if engine_draws else Iterators(self._batches.loaders)

    @property
    def skipped_steps(self) -> int:
        """Steps left out because loss or gradient was not finite: see ``Config.on_nan``.

        With ``precision="fp16"`` also those that overflowed.
        """
        return self._handle.skipped_steps if self._handle is not None else 0

    @property
    def loss_scale(self) -> float:
        """What the loss is scaled by before it is differentiated through fp16; 1 without fp16."""
        if self._handle is None or self.precision != "fp16":
            return 1.0
        return _native.loss_scale(self._handle)[0]

    # Names of the reference that programs read.

    _parents = Alias("parents")
    _children = Alias("children")
    _paths = Alias("paths")
    _leaf = Alias("leaf")
    _strategy = Alias("_engine", "_strategy")
    _rank = _local_rank = 0
    _world_size = 1

    @property
    def _count(self) -> int:
        return self.count

    @_count.setter
    def _count(self, count: int) -> None:
        self._resumed["count"] = count
        self._resume()

    @property
    def _global_step(self) -> int:
        """The engine's count, of which it tells the problems without lower ones; 0 in others."""
        return self._engine.global_step if self._engine is not None and self.leaf else 0

    def dump(self) -> str:
        """What its steps have been so far, as text; see ``betty.dump``."""
        return self._handle.dump() if self._handle is not None else f"problem '{self.name}'"

    # Surroundings.

    def log(self, stats: dict[str, Any], global_step: int | None = None) -> None:
        """Writes a line and hands the figures to the logger."""
        local = global_step is None or self.log_local_step
        step = self.count if local else global_step
        self.logger.info(f"[{step}] {format_losses(self.name, stats)}")
        self.logger.log(stats, tag=self.name, step=step)

    def add_logger(self, logger: Any) -> None:
        """Gives the problem a logger if it has none."""
        if self.logger is None:
            self.logger = logger

    def add_env(self, env: Any) -> None:
        """Gives the problem an environment if it has none."""
        if self.env is None:
            self.env = env

    def configure_device(self, device: Any) -> None:
        """Told the device of the run."""
        self.device = device
