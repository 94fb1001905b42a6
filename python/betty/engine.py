"""The engine: joins problems through their dependencies and runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from betty import _native
from betty.configs import EngineConfig
from betty.logging import Console, format_losses
from betty.misc.early_stopping import EarlyStopping
from betty.problems import Problem

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

    def __init__(
        self,
        problems: Sequence[Problem],
        config: EngineConfig | None = None,
        dependencies: Dependencies | None = None,
        env: Any = None,
    ) -> None:
        self.problems = list(problems)
        self.config = config if config is not None else EngineConfig()
        if not isinstance(self.config, EngineConfig):
            raise TypeError(f"Engine: config must be an EngineConfig, got {type(config).__name__}")
        self.dependencies = dependencies if dependencies is not None else {}
        self.env = env
        self.train_iters = self.config.train_iters
        self.valid_step = self.config.valid_step
        self.logger = Console()
        self.early_stopping = EarlyStopping.of(self.config)
        self._handle: _native.EngineHandle
        self._check()
        self.initialize()

    def _check(self) -> None:
        if not self.problems:
            raise ValueError("Engine: no problems given")
        for problem in self.problems:
            if not isinstance(problem, Problem):
                raise TypeError(f"Engine: {problem!r} is not a Problem")
        unknown = set(self.dependencies) - {"u2l", "l2u"}
        if unknown:
            raise ValueError(
                f"Engine: dependencies must have keys 'u2l' and 'l2u', got {sorted(unknown)}"
            )

    def initialize(self) -> None:
        """Sets up problems, environment and dependencies; errors in them are raised here."""
        names = [problem.name for problem in self.problems]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"Engine: two problems have the name '{repeated[0]}'")
        for problem in self.problems:
            problem.env = self.env
            problem.logger = self.logger
            problem.initialize(self)
            if self.env is not None:
                self.env.set_problem_attr(problem)
            for other in self.problems:
                other.set_problem_attr(problem)
            setattr(self, problem.name, problem)
        callbacks: dict[str, Any] = {}
        if type(self).train_step is not Engine.train_step:
            callbacks["train_step"] = self.train_step
        if hasattr(self, "validation"):
            callbacks["validation"] = self._validate
        self._handle = _native.EngineHandle(
            [problem._handle for problem in self.problems],
            {"train_iters": self.train_iters, "valid_step": self.valid_step},
            callbacks,
        )
        for kind in ("l2u", "u2l"):
            for source, targets in self.dependencies.get(kind, {}).items():
                for target in targets:
                    self._handle.depend(kind, self._index(source), self._index(target))
        self._handle.start()
        self.train()

    def _index(self, problem: Problem) -> int:
        for index, candidate in enumerate(self.problems):
            if candidate is problem:
                return index
        name = getattr(problem, "name", problem)
        raise ValueError(f"Engine: dependencies name '{name}', which is not in `problems`")

    def run(self) -> None:
        """Takes ``train_iters`` steps, validating every ``valid_step``."""
        self.train()
        self._handle.run()

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
        self.log(format_losses("validation", stats), self.global_step)
        return self.early_stopping is not None and self.early_stopping(stats)

    def log(self, text: str, step: int) -> None:
        """Writes a line to the log."""
        self.logger.log(text, step)

    @property
    def global_step(self) -> int:
        """Calls of ``train_step`` so far in ``run``."""
        return self._handle.global_step

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
