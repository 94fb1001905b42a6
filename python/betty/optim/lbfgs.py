"""L-BFGS (Liu and Nocedal, 1989). Its step is Python: a problem of the engine does not take it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from betty import _functions as F
from betty._native import Tensor
from betty.autograd import enable_grad, no_grad
from betty.optim.optimizer import Optimizer

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Limited-memory BFGS; ``step`` takes a closure that computes the loss and its gradients.

    Args:
        params: Parameters, in one group.
        lr: The length of a step without a line search.
        max_iter: Iterations a step.
        max_eval: Evaluations of the closure a step, 1.25 ``max_iter`` by default.
        tolerance_grad: Stops where every slope is below.
        tolerance_change: Stops where loss or parameters change less.
        history_size: Pairs that are kept.
        line_search_fn: None, or "strong_wolfe": a step that satisfies the Wolfe conditions.

    Raises:
        ValueError: Several groups.
        RuntimeError: An unknown line search.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr, "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        if line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        self._params = self.param_groups[0]["params"]

    def _gradient(self) -> Tensor:
        parts = [
            F.full_like(p.detach(), 0.0) if p.grad is None else p.grad.detach()
            for p in self._params
        ]
        return F.cat([part.reshape(-1) for part in parts])

    def _move(self, starts: list[Tensor], direction: Tensor, length: float) -> None:
        first = 0
        for param, start in zip(self._params, starts, strict=True):
            part = direction[first : first + param.numel()].reshape(param.shape)
            param.copy_(start + part * length)
            first += param.numel()

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Minimizes for up to ``max_iter`` iterations; returns the first loss."""

        def evaluate() -> tuple[Any, float, Tensor]:
            with enable_grad():
                loss = closure()
            return loss, float(loss), self._gradient()

        with no_grad():
            return self._minimize(evaluate, self.param_groups[0])

    def _minimize(self, evaluate: Callable[[], tuple[Any, float, Tensor]], group: dict) -> Any:
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first, loss, gradient = evaluate()
        evaluations = 1
        if float(gradient.abs().amax()) <= group["tolerance_grad"]:
            return first
        for _ in range(group["max_iter"]):
            state["n_iter"] += 1
            length = self._direction(state, gradient, group)
            direction = state["d"]
            slope = float(F.dot(gradient, direction))
            if slope > -group["tolerance_change"]:
                break
            before, starts = loss, [p.detach().clone() for p in self._params]
            if group["line_search_fn"] is None:
                self._move(starts, direction, length)
                _, loss, gradient = evaluate()
                used = 1
            else:
                length, loss, gradient, used = self._search(
                    evaluate, starts, direction, length, (loss, gradient, slope)
                )
            state["t"] = length
            evaluations += used
            change = float(direction.abs().amax()) * abs(length)
            settled = min(change, abs(loss - before)) <= group["tolerance_change"]
            flat = float(gradient.abs().amax()) <= group["tolerance_grad"]
            if flat or settled or evaluations >= group["max_eval"]:
                break
        state["func_evals"] += evaluations
        return first

    def _direction(self, state: dict[str, Any], gradient: Tensor, group: dict) -> float:
        """Sets the direction, from the pairs kept, and gives the first length to try."""
        if "d" not in state:
            state.update(d=-gradient, H_diag=1.0, prev_flat_grad=gradient)
            state.update(old_dirs=[], old_stps=[], ro=[])
            return min(1.0, 1.0 / float(gradient.abs().sum())) * group["lr"]
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
        return group["lr"]

    def _search(
        self,
        evaluate: Callable[[], tuple[Any, float, Tensor]],
        starts: list[Tensor],
        direction: Tensor,
        length: float,
        at_zero: tuple[float, Tensor, float],
    ) -> tuple[float, float, Tensor, int]:
        """A length that satisfies the strong Wolfe conditions, by bisection within a bracket
        (Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6)."""
        loss0, gradient0, slope0 = at_zero
        low, high = (0.0, loss0, gradient0, slope0), None
        best = low
        for used in range(1, 26):
            self._move(starts, direction, length)
            _, loss, gradient = evaluate()
            slope = float(F.dot(gradient, direction))
            if not loss <= loss0 + 1e-4 * length * slope0 or (used > 1 and loss >= low[1]):
                high = length
            elif abs(slope) <= -0.9 * slope0:
                return length, loss, gradient, used
            else:
                # The minimum is where the slope at the better end points.
                ahead = 1.0 if high is None else high - low[0]
                if slope * ahead >= 0:
                    high = low[0]
                best = low = (length, loss, gradient, slope)
            length = low[0] * 2 if high is None else (low[0] + high) / 2
        self._move(starts, direction, best[0])
        return best[0], best[1], best[2], used
