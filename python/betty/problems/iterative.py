"""Problems whose inner loop is differentiated step by step."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from betty._native import Tensor
from betty.hypergradient.objects import UNROLLED
from betty.problems.problem import Problem

if TYPE_CHECKING:
    from betty.engine import Engine

__all__ = ["HigherIterativeProblem", "IterativeProblem"]


class IterativeProblem(Problem):
    """A level whose effect on the levels above goes through its unrolled optimizer steps.

    The upper gradient is exact for the ``unroll_steps`` steps that were taken since the upper level
    last moved, whatever optimizer and schedule took them. Memory grows by the parameters and the
    optimizer's state a step; ``Config(iterative_checkpoint=True)`` keeps every sqrt(T)-th only, and
    ``Config(iterative_truncation=K)`` the last K. ``Config(type="forward")`` carries the derivative
    along instead, for a few upper numbers.

    ``training_step`` calls the module as usual. ``param_callback`` may change parameters between
    steps; gradients pass through what it does unchanged. ``grad_callback`` and
    ``custom_optimizer_step`` leave nothing to differentiate, so they are refused.

    Args:
        name: Other problems reach this one as an attribute of that name.
        config: Options; a ``type`` other than the two above means ``"iterative"``.
        module: What is trained.
        optimizer: Any optimizer of ``betty.optim``.
        scheduler: Any schedule; goes on over inner loops unless they begin anew.
        train_data_loader: Any iterable of batches.
        extra_config: Anything; found again as ``self.cfg``.

    Example:
        Model-agnostic meta-learning of a single number: the inner loop starts at the upper
        problem's parameter, and the upper loss is that after three steps.

        >>> import betty
        >>> from betty.configs import Config, EngineConfig
        >>> from betty.engine import Engine
        >>> from betty.problems import ImplicitProblem, IterativeProblem
        >>> class Start(ImplicitProblem):
        ...     def training_step(self, batch):
        ...         return (self.task.module.weight - 4).square().sum()
        >>> class Task(IterativeProblem):
        ...     def training_step(self, batch):
        ...         return (self.module.weight - 1).square().sum()
        >>> def level(kind, name, lr, **options):
        ...     module = betty.nn.Linear(1, 1, bias=False)
        ...     optimizer = betty.optim.SGD(module.parameters(), lr=lr)
        ...     return kind(name, Config(**options), module, optimizer, train_data_loader=[0])
        >>> start = level(Start, "start", 0.5)
        >>> task = level(Task, "task", 0.05, unroll_steps=3)
        >>> task.initialize_from(start)
        >>> edges = {"u2l": {start: [task]}, "l2u": {task: [start]}}
        >>> Engine([start, task], EngineConfig(train_iters=90), edges).run()
        >>> round(task.module.weight.item(), 2)
        4.0
    """

    def __init__(
        self,
        name: str,
        config: Any = None,
        module: Any = None,
        optimizer: Any = None,
        scheduler: Any = None,
        train_data_loader: Any = None,
        extra_config: Any = None,
    ) -> None:
        super().__init__(
            name, config, module, optimizer, scheduler, train_data_loader, extra_config
        )
        self._source: Problem | None = None
        self._schedule: tuple[dict[str, Any], list[float]] = ({}, [])
        self._begin: Callable[[], None] | None = None

    def _told(self) -> dict[str, Any]:
        told = super()._told()
        return told if told["type"] in UNROLLED else told | {"type": "iterative"}

    def initialize_from(self, problem: Problem) -> None:
        """Lets every inner loop begin at a differentiable copy of another problem's parameters.

        The gradient that reaches the first step passes on to them (MAML; Finn, Abbeel, Levine, ICML
        2017). Each loop also begins with an optimizer that has taken no step and with the schedule
        as it was at first.

        Args:
            problem: Its trainable parameters have the shapes of this problem's, in the same order.

        Raises:
            TypeError: `problem` is no problem.
            ValueError: The parameters differ in number or type (raised by the engine if it has not
                been made yet).
        """
        if not isinstance(problem, Problem):
            raise TypeError(f"initialize_from: expected a Problem, got {type(problem).__name__}")
        self._source = problem
        self._connect()

    def _connect(self) -> None:
        if self._source is None or self._handle is None or self._source._handle is None:
            return
        self._handle.initialize_from(self._source._handle)

    def initialize(self, engine: Engine) -> None:
        """Makes the engine's side of the problem."""
        if self._source is not None and self._source not in engine.problems:
            raise ValueError(
                f"problem '{self._name}': initialize_from names '{self._source.name}', which is "
                "not in `problems`"
            )
        self._configure("module", "configure_module")
        self._configure("optimizer", "configure_optimizer")
        self._configure("scheduler", "configure_scheduler")
        if self.scheduler is not None:
            rates = [group["lr"] for group in self.optimizer.param_groups]
            self._schedule = (deepcopy(self.scheduler.state_dict()), rates)
            self._begin = getattr(self, "on_inner_loop_start", None)
            self.on_inner_loop_start = self._begin_anew
        super().initialize(engine)
        self._connect()

    def _begin_anew(self) -> None:
        """An inner loop that begins at another problem's parameters has a schedule of its own."""
        if self._begin is not None:
            self._begin()
        if self._source is not None:
            state, rates = self._schedule
            self.scheduler.load_state_dict(deepcopy(state))
            for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate

    def set_problem_attr(self, problem: Problem) -> str:
        """Makes another problem reachable as an attribute of its name; gives the name."""
        name = super().set_problem_attr(problem)
        if problem is self._source:
            self._connect()
        return name

    @property
    def params(self) -> tuple[Tensor, ...]:
        """The fast weights: the parameters as the present step sees them."""
        return tuple(self.trainable_parameters())


#: The original's name for what it does with the package ``higher``: one class does both here.
HigherIterativeProblem = IterativeProblem
