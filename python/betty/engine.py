"""The engine: joins problems through their dependencies and runs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from betty import _native
from betty.configs import STRATEGIES, EngineConfig
from betty.logging import format_losses, logger
from betty.misc.drawing import draw
from betty.misc.early_stopping import EarlyStopping
from betty.misc.progress import ProgressBar
from betty.problems import Problem
from betty.problems.access import Alias
from betty.problems.options import Option

__all__ = ["Engine"]

Dependencies = Mapping[str, Mapping[Problem, Sequence[Problem]]]


class Engine:
    """Runs a multilevel program.

    Args:
        problems: The problems, in the order in which leaves are stepped.
        config: Options of the run.
        dependencies: ``{"u2l": {upper: [lower]}, "l2u": {lower: [upper]}}``. An l2u edge says that
            the lower solution enters the upper loss (it also drives execution); a u2l edge asks for
            the gradient of the upper problem through the lower one.
        env: An environment that every problem reaches as ``self.env``.
    """

    train_iters = Option("train_iters", "Calls of ``train_step`` in the next ``run``.")
    valid_step = Option("valid_step", "Steps between two validations.")

    def __init__(
        self,
        problems: Sequence[Problem],
        config: EngineConfig | None = None,
        dependencies: Dependencies | None = None,
        env: Any = None,
    ) -> None:
        if isinstance(problems, Problem) or not isinstance(problems, Iterable):
            raise TypeError(f"Engine: problems must be a list of problems, got {problems!r}")
        self.problems = list(problems)
        self.config = config if config is not None else EngineConfig()
        if not isinstance(self.config, EngineConfig):
            raise TypeError(f"Engine: config must be an EngineConfig, got {type(config).__name__}")
        self.dependencies = dependencies if dependencies is not None else {}
        self.env = env
        self.device = "cpu"
        self.leaves: list[Problem] = []
        self._handle: _native.EngineHandle
        self._progress: ProgressBar | None = None
        self.parse_config()
        self._check()
        self.initialize()

    def parse_config(self) -> None:
        """Takes what the configuration says."""
        self._taken = {name: getattr(self.config, name) for name in ("train_iters", "valid_step")}
        self.logger_type = self.config.logger_type
        self.logger = logger(self.logger_type)
        self.early_stopping = EarlyStopping.of(self.config)

    def _set_option(self, name: str, value: Any) -> None:
        if "_handle" in vars(self):
            self._handle.set_options({name: value})
        self._taken[name] = value

    def _check(self) -> None:
        if not self.problems:
            raise ValueError("Engine: no problems given")
        for problem in self.problems:
            if not isinstance(problem, Problem):
                raise TypeError(f"Engine: {problem!r} is not a Problem")
        names = [problem.name for problem in self.problems]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"Engine: two problems have the name '{repeated[0]}'")
        self._check_dependencies(self.dependencies)
        if self.config.early_stopping and not self.is_implemented("validation"):
            raise ValueError("Engine: early_stopping needs a `validation`, define it in a subclass")

    def _check_dependencies(self, dependencies: Dependencies) -> None:
        if not isinstance(dependencies, Mapping):
            raise TypeError(
                "Engine: dependencies must be a dict with 'u2l' and 'l2u', "
                f"got {type(dependencies).__name__}"
            )
        unknown = set(dependencies) - {"u2l", "l2u"}
        if unknown:
            raise ValueError(
                f"Engine: dependencies must have keys 'u2l' and 'l2u', got {sorted(unknown)}"
            )
        for kind, edges in dependencies.items():
            if not isinstance(edges, Mapping):
                raise TypeError(
                    f"Engine: dependencies must give '{kind}' as a dict of a problem and its list, "
                    f"got {type(edges).__name__}"
                )
            for source, targets in edges.items():
                if isinstance(targets, str) or not isinstance(targets, Iterable):
                    raise TypeError(
                        f"Engine: dependencies give '{kind}' of {source!r} as a list of problems, "
                        f"got {targets!r}"
                    )
                for problem in (source, *targets):
                    self._index(problem)

    def initialize(self) -> None:
        """Sets up problems, environment and dependencies; errors in them are raised here."""
        for problem in self.problems:
            self.set_problem_attr(problem)
        if self.env is not None:
            self.env.configure_distributed_training(
                {
                    "strategy": self._strategy,
                    "backend": self.config.backend,
                    "world_size": self._world_size,
                    "rank": self._rank,
                    "local_rank": self._local_rank,
                }
            )
            self.env.configure_device(self.device)
            self.env.initialize()
        for problem in self.problems:
            problem.env = self.env
            problem.add_logger(self.logger)
            problem.configure_device(self.device)
            problem.initialize(self)
        callbacks: dict[str, Any] = {}
        if type(self).train_step is not Engine.train_step:
            callbacks["train_step"] = self.train_step
        if self.is_implemented("validation"):
            callbacks["validation"] = self._validate
        if self.config.progress:
            self._progress = ProgressBar(self)
            callbacks["progress"] = self._progress.update
        self._handle = _native.EngineHandle(
            [problem._handle for problem in self.problems],
            {
                **self._taken,
                "roll_back": self.config.roll_back,
                "strategy": STRATEGIES[self.config.strategy],
                "replicas": self.config.replicas,
                "sync_batchnorm": self.config.sync_batchnorm,
            },
            callbacks,
        )
        self._depend()
        self.train()

    def _depend(self) -> None:
        for kind in ("l2u", "u2l"):
            for source, targets in self.dependencies.get(kind, {}).items():
                for target in targets:
                    self._handle.depend(kind, self._index(source), self._index(target))
        self._handle.start()
        for problem in self.problems:
            problem._join()
        self.leaves = [problem for problem in self.problems if problem.leaf]

    def set_dependency(self, dependencies: Dependencies) -> None:
        """Puts other dependencies in place, also between two steps of a run.

        Raises:
            ValueError: They have a cycle, miss a path or name other problems; the old ones stay.
        """
        self._check_dependencies(dependencies)
        before = self.dependencies
        try:
            self._handle.clear_dependencies()
            self.dependencies = dependencies
            self._depend()
        except Exception:
            self._handle.clear_dependencies()
            self.dependencies = before
            self._depend()
            raise

    def set_problem_attr(self, problem: Problem) -> str:
        """Makes a problem reachable by its name from the engine, the environment and the other
        problems; gives the name."""
        taken = getattr(self, problem.name, problem)
        if problem.name == "validation" or not isinstance(taken, Problem):
            raise ValueError(
                f"Engine: it already has an attribute '{problem.name}': rename the problem"
            )
        setattr(self, problem.name, problem)
        if self.env is not None:
            self.env.set_problem_attr(problem)
        for other in self.problems:
            other.set_problem_attr(problem)
        return problem.name

    def _index(self, problem: Problem) -> int:
        for index, candidate in enumerate(self.problems):
            if candidate is problem:
                return index
        name = getattr(problem, "name", problem)
        raise ValueError(f"Engine: dependencies name '{name}', which is not in `problems`")

    def run(self) -> None:
        """Takes ``train_iters`` steps, validating every ``valid_step``."""
        self.train()
        if self._progress is not None:
            self._progress.begin()
        try:
            self._handle.run()
        finally:
            self.cleanup()

    def cleanup(self) -> None:
        """Called when a run has ended, however it did."""
        self.logger.flush()
        if self._progress is not None:
            self._progress.close()

    def train_step(self) -> None:
        """Steps every leaf once, and with them the problems above that are due."""
        self._handle.train_step()

    def _validate(self) -> bool:
        """Validates and logs; says whether to stop."""
        self.eval()
        try:
            stats = self.validation() or {}
        finally:
            self.train()
        if not isinstance(stats, Mapping):
            stats = {"loss": stats}
        self.log(stats, tag="validation", step=self.global_step)
        if self.early_stopping is None or not self.early_stopping(stats):
            return False
        self.logger.info(f"[{self.global_step}] stopped early: {self.early_stopping.metric}")
        return True

    def log(self, stats: Mapping[str, Any], tag: str = "engine", step: int | None = None) -> None:
        """Writes a line and hands the figures to the logger.

        Args:
            stats: Numbers, or tensors, of which the mean is written, by name.
            tag: Who they belong to.
            step: Where they belong on the axis; the global step by default.
        """
        step = self.global_step if step is None else step
        self.logger.info(f"[{step}] {format_losses(tag, stats)}")
        self.logger.log(stats, tag=tag, step=step)

    def state_dict(self) -> dict[str, Any]:
        """All that a run needs to be resumed: the problems' states, steps, early stopping.

        Taken between two calls of ``train_step``, it may be in the middle of an inner loop: the run
        that is resumed takes the steps that this one would take, bit by bit. Gradients accumulated
        so far, what ``roll_back`` goes back to and the steps that ``"iterative"`` and ``"forward"``
        differentiate are part of it. Not part of it are the program's own things: loaders, which
        begin anew, random numbers (``betty.get_rng_state``), attributes that hooks keep.
        """
        state: dict[str, Any] = {
            "global_step": self.global_step,
            "problems": {problem.name: problem.state_dict() for problem in self.problems},
        }
        if self.early_stopping is not None:
            stop = self.early_stopping
            state["early_stopping"] = {"best_score": stop.best_score, "counter": stop.counter}
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes what ``state_dict`` gave for problems of the same names."""
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Engine: the state must be a dict, got {type(state_dict).__name__}")
        missing = {"problems", "global_step"} - set(state_dict)
        if missing:
            raise KeyError(f"Engine: the state has no {sorted(missing)}, it has {[*state_dict]}")
        names = {problem.name for problem in self.problems}
        if set(state_dict["problems"]) != names:
            raise KeyError(
                f"Engine: the state is of problems {sorted(state_dict['problems'])}, "
                f"these are {sorted(names)}"
            )
        for problem in self.problems:
            problem.load_state_dict(state_dict["problems"][problem.name])
        self.global_step = state_dict["global_step"]
        if self.early_stopping is not None:
            for key, value in state_dict.get("early_stopping", {}).items():
                setattr(self.early_stopping, key, value)

    @property
    def global_step(self) -> int:
        """Calls of ``train_step`` so far in ``run``; who calls it by hand counts here."""
        return self._handle.global_step if "_handle" in vars(self) else 0

    @global_step.setter
    def global_step(self, step: int) -> None:
        self._handle.global_step = step

    # Names of the reference that programs read.

    _roll_back = Alias("config", "roll_back")
    _strategy = Alias("config", "strategy")
    _rank = _local_rank = 0
    _world_size = 1

    def describe(self) -> str:
        """The problems with their levels and methods, and what a step of each takes.

        Gradients and products (with Jacobians and Hessians) are counted from the paths,
        floating-point operations and bytes from the program of the last step; before a problem's
        first step they are not known.
        """
        return self._handle.describe()

    def draw(self, path: str | Path) -> None:
        """Writes the graph of problems as an SVG picture: upper problems above, l2u edges solid,
        u2l edges dashed.

        Args:
            path: A file that ends in ``.svg``.
        """
        draw(self, path)

    def do_validation(self) -> bool:
        """Whether a run validates."""
        return self.is_implemented("validation") and self.is_rank_zero()

    def is_implemented(self, fn_name: str) -> bool:
        """Whether a method of that name is defined."""
        return callable(getattr(self, fn_name, None))

    def is_rank_zero(self) -> bool:
        """Whether this process is the one that validates and logs."""
        return True

    def check_leaf(self, problem: Problem) -> bool:
        """Whether a problem has no lower one."""
        return not self.children_of(problem)

    def find_paths(self, src: Problem, dst: Problem) -> list[list[Problem]]:
        """The paths of ``dst`` that end in the lower problem ``src``: ``[dst, …, src, dst]``."""
        return [path for path in self.paths_of(dst) if path[-2] is src]

    def train(self) -> None:
        """Puts every problem into training mode."""
        for problem in self.problems:
            problem.train()

    def eval(self) -> None:
        """Puts every problem into evaluation mode."""
        for problem in self.problems:
            problem.eval()

    def parents_of(self, problem: Problem) -> list[Problem]:
        """The upper problems of a problem, in the order in which they are stepped."""
        return list(self.dependencies.get("l2u", {}).get(problem, []))

    def children_of(self, problem: Problem) -> list[Problem]:
        """The lower problems of a problem."""
        edges = self.dependencies.get("l2u", {})
        return [lower for lower in self.problems if problem in edges.get(lower, [])]

    def paths_of(self, problem: Problem) -> list[list[Problem]]:
        """The paths of a problem's implicit gradients."""
        by_name = {each.name: each for each in self.problems}
        return [[by_name[name] for name in path] for path in problem._handle.paths()]
