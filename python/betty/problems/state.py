"""What a problem saves for a run that is resumed: its parts, its count, what methods keep."""

from __future__ import annotations

from typing import Any

from betty import _native
from betty.problems.access import ProblemAccess

__all__ = ["ProblemState"]

PARTS = ("module", "optimizer", "scheduler")
KEPT = ("count", "loss_scale", "hypergradient")


class ProblemState(ProblemAccess):
    """The part of :class:`~betty.problems.Problem` that saves and resumes."""

    def state_dict(self) -> dict[str, Any]:
        """States of module, optimizer and scheduler under these names, and the count.

        Under ``"hypergradient"`` what methods keep from call to call (the last solution of cg with
        a warm start); with ``precision="fp16"`` the loss scale and the good steps since it changed.
        """
        state: dict[str, Any] = {}
        for key in PARTS:
            part = getattr(self, key)
            if part is not None:
                state[key] = part.state_dict()
        state["count"] = self.count
        if self._handle is not None and self.precision == "fp16":
            state["loss_scale"] = _native.loss_scale(self._handle)
        memories = self._memories()
        return {**state, "hypergradient": memories} if memories else state

    def _memories(self) -> dict[str, Any]:
        memories: dict[str, Any] = {}
        while self._handle is not None and (found := self._handle.memory(len(memories))):
            memories[found[0]] = found[1]
        return memories

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what ``state_dict`` gave; parts the problem does not have yet, once it has them."""
        for key, part in state_dict.items():
            if key not in (*PARTS, *KEPT):
                raise KeyError(f"problem '{self.name}': unexpected state '{key}'")
            self._resumed[key] = part
        self._resume()

    def _resume(self) -> None:
        for key in PARTS:
            if key in self._resumed and getattr(self, key) is not None:
                getattr(self, key).load_state_dict(self._resumed.pop(key))
        if self._handle is not None and "count" in self._resumed:
            self._handle.count = self._resumed.pop("count")
        if self._handle is not None and "loss_scale" in self._resumed:
            _native.set_loss_scale(self._handle, *self._resumed.pop("loss_scale"))
        # Paths are known once the engine has joined all problems.
        if self._is_joined:
            for key, value in self._resumed.pop("hypergradient", {}).items():
                self._handle.set_memory(key, value)

    def _join(self) -> None:
        """Called when the engine has found the paths."""
        self._is_joined = True
        self._resume()
