"""What a problem saves for a run that is resumed: its parts, its count, what methods keep."""

from __future__ import annotations

from typing import Any

from betty import _native
from betty.problems.access import ProblemAccess

__all__ = ["ProblemState"]

PARTS = ("module", "optimizer", "scheduler")
KEPT = ("count", "loss_scale", "hypergradient", "loop", "batch")


class ProblemState(ProblemAccess):
    """The part of :class:`~betty.problems.Problem` that saves and resumes."""

    def state_dict(self) -> dict[str, Any]:
        """States of module, optimizer and scheduler under these names, and the count.

        Under ``"hypergradient"`` what methods keep from call to call (the last solution of cg with
        a warm start); with ``precision="fp16"`` the loss scale and the good steps since it changed.
        Taken in the middle of an inner loop, ``"loop"`` holds what belongs to it, as tensors.
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
        if memories:
            state["hypergradient"] = memories
        loop = self._handle.loop() if self._is_joined else []
        if loop:
            state["loop"] = loop
            if self._may_repeat():
                state["batch"] = self.cur_batch
        return state

    def _may_repeat(self) -> bool:
        """Whether roll-back may ask for one more step on the last batch before the next is drawn:
        where a problem above waits for another one too."""
        rolls_back = self._engine is not None and self._engine.config.roll_back
        return rolls_back and any(len(parent.children) > 1 for parent in self.parents)

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
        if "count" in state_dict:
            self._resumed.setdefault("loop", [])
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
            if "loop" in self._resumed:
                self._handle.set_loop(self._resumed.pop("loop"))
            if "batch" in self._resumed:
                self.cur_batch = self._resumed.pop("batch")

    def _join(self) -> None:
        """Called when the engine has found the paths."""
        self._is_joined = True
        self._resume()
