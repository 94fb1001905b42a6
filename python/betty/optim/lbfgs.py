"""L-BFGS (Liu and Nocedal, 1989). Its step is Python: a problem of the engine does not take it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from betty import _functions as F
from betty._creation import zeros
from betty._native import Tensor
from betty.autograd import enable_grad, no_grad
from betty.optim.optimizer import Optimizer
from betty.optim.wolfe import Point, search

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Limited-memory BFGS; ``step`` takes a closure that computes the loss and its gradients.

    Args:
        params: Parameters, in one group.
        lr: The length of a step without a line search, the first to try with one; a number or a
            tensor of one element.
        max_iter: Iterations a step.
        max_eval: Evaluations of the closure a step, 1.25 ``max_iter`` by default.
        tolerance_grad: Stops where every slope is below.
        tolerance_change: Stops where loss or parameters change less.
        history_size: Pairs that are kept.
        line_search_fn: None, or "strong_wolfe": a step that satisfies the Wolfe conditions.
        maximize: Ascend.

    Raises:
        ValueError: Several groups, or a rate of several elements.
        RuntimeError: An unknown line search.

    Example:
        >>> import betty
        >>> w = betty.nn.Parameter(betty.tensor([3.0, -4.0]))
        >>> optimizer = betty.optim.LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((w - 1) ** 2 * betty.tensor([1.0, 5.0])).sum()
        ...     loss.backward()
        ...     return loss
        >>> round(optimizer.step(closure).item()), bool(((w - 1).abs() < 1e-3).all())
        (129, True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        defaults = {
            "lr": lr, "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        if line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        self._params = self.param_groups[0]["params"]

    def _gradient(self) -> Tensor:
        parts = [
            zeros(p.numel(), dtype=p.dtype) if p.grad is None else p.grad.detach().reshape(-1)
            for p in self._params
        ]
        return F.cat(parts)

    def _move(self, starts: list[Tensor], direction: Tensor, length: float) -> None:
        first = 0
        for param, start in zip(self._params, starts, strict=True):
            part = direction[first : first + param.numel()].reshape(param.shape)
            param.copy_(start + part * length)
            first += param.numel()

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Minimizes for up to ``max_iter`` iterations; returns the first loss."""

        sign = -1 if self.param_groups[0].get("maximize") else 1

        def evaluate() -> tuple[Any, float, Tensor]:
            with enable_grad():
                loss = closure()
            return loss, sign * float(loss), self._gradient() * sign

        with no_grad():
            return self._minimize(evaluate, self.param_groups[0])

    def _minimize(self, evaluate: Callable[[], tuple[Any, float, Tensor]], group: dict) -> Any:
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first, loss, gradient = evaluate()
        state["func_evals"] += 1
        evaluations, tolerance = 1, group["tolerance_change"]
        if float(gradient.abs().amax()) <= group["tolerance_grad"]:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            length = self._direction(state, gradient, group)
            direction, before = state["d"], loss
            slope = float(F.dot(gradient, direction))
            if slope > -tolerance:
                break
            is_last, used = iteration == group["max_iter"], 0
            starts = [p.detach().clone() for p in self._params]
            if group["line_search_fn"] is None:
                self._move(starts, direction, length)
                if not is_last:  # what is left behind is looked at by the next step
                    _, loss, gradient = evaluate()
                    used = 1
            else:
                here = Point(0.0, loss, slope, gradient)
                left = group["max_eval"] - evaluations
                found, used = self._search(evaluate, starts, direction, length, here, left)
                length, loss, _, gradient = found
            state["t"] = length
            evaluations += used
            state["func_evals"] += used
            if is_last or evaluations >= group["max_eval"]:
                break
            is_flat = float(gradient.abs().amax()) <= group["tolerance_grad"]
            moved = float(direction.abs().amax()) * abs(length)
            if is_flat or moved <= tolerance or abs(loss - before) < tolerance:
                break
        return first

    def _direction(self, state: dict[str, Any], gradient: Tensor, group: dict) -> float:
        """Sets the direction, from the pairs kept, and gives the first length to try."""
        if "d" not in state:
            state.update(d=-gradient, H_diag=1.0, prev_flat_grad=gradient)
            state.update(old_dirs=[], old_stps=[], ro=[])
            return min(1.0, 1.0 / float(gradient.abs().sum())) * float(group["lr"])
        y, s = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        product = float(F.dot(y, s))
        if product > 1e-10:
            for name, value in (("old_dirs", y), ("old_stps", s), ("ro", 1 / product)):
                state[name] = [*state[name], value][-group["history_size"] :]
            state["H_diag"] = product / float(F.dot(y, y))
        inverses = map(float, state["ro"])
        pairs = list(zip(state["old_dirs"], state["old_stps"], inverses, strict=True))
        q, factors = -gradient, []
        for change, move, inverse in reversed(pairs):
            factors.append(float(F.dot(move, q)) * inverse)
            q = q - change * factors[-1]
        r = q * state["H_diag"]
        for change, move, inverse in pairs:
            r = r + move * (factors.pop() - float(F.dot(change, r)) * inverse)
        state["d"], state["prev_flat_grad"] = r, gradient
        return float(group["lr"])

    def _search(
        self,
        evaluate: Callable[[], tuple[Any, float, Tensor]],
        starts: list[Tensor],
        direction: Tensor,
        length: float,
        here: Point,
        most: int,
    ) -> tuple[Point, int]:
        """Moves the parameters to where the search along the direction ends."""

        def look(at: float) -> Point:
            self._move(starts, direction, at)
            _, loss, gradient = evaluate()
            return Point(at, loss, float(F.dot(gradient, direction)), gradient)

        found, used = search(look, here, length, float(direction.abs().amax()), most)
        self._move(starts, direction, found.length)
        return found, used
