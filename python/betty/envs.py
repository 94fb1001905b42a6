"""Environments that problems share."""

from __future__ import annotations

from typing import Any

__all__ = ["Env"]


class Env:
    """A world that problems act on: subclass it and define ``step`` and ``reset`` as you like.

    Every problem, and the engine, reach it as ``self.env``, and it reaches every problem by its
    name. ``initialize`` is called once, before the problems are set up.

    Example:
        >>> from betty.envs import Env
        >>> class Counter(Env):
        ...     def reset(self):
        ...         self.time = 0
        ...
        ...     def step(self):
        ...         self.time += 1
        ...         return self.time
        >>> world = Counter()
        >>> world.reset()
        >>> world.step()
        1
    """

    env: Any = None
    train_data_loader: Any = None
    device: Any = None

    def initialize(self) -> None:
        """Set-up of one's own."""

    def reset(self, *args: Any, **kwargs: Any) -> Any:
        """Starts anew."""
        raise NotImplementedError(f"{type(self).__name__} defines no reset")

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """One step of the environment."""
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def configure_device(self, device: Any) -> None:
        """Told the device of the run."""
        self.device = device

    def configure_distributed_training(self, dictionary: dict[str, Any]) -> None:
        """Told how the run is distributed."""
        self._strategy = dictionary["strategy"]
        self._world_size = dictionary["world_size"]
        self._rank = dictionary["rank"]
        self._local_rank = dictionary["local_rank"]

    def patch_module(self, module: Any) -> Any:
        """A module of the environment's own, on its device."""
        return module.to(self.device)

    def patch_data_loader(self, loader: Any) -> Any:
        """A loader of the environment's own."""
        return loader

    def set_problem_attr(self, problem: Any) -> None:
        """Makes a problem reachable as an attribute of its name."""
        setattr(self, problem.name, problem)
