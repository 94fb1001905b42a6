"""Options of problems and engines, with the names and defaults of the reference."""

from __future__ import annotations

from dataclasses import dataclass, fields
from difflib import get_close_matches
from operator import index
from typing import Any, Protocol, SupportsIndex
from weakref import WeakSet

from betty.hypergradient.objects import Method
from betty.logging import logger_mapping

__all__ = ["Config", "EngineConfig"]

#: The engine's name of each; one processor is all there is without replicas.
STRATEGIES = {"default": "default", "cpu": "default", "data_parallel": "data_parallel"}


class _Follower(Protocol):
    def _heed(self, name: str) -> None: ...


class _Known:
    """Has no attributes but its options: one that is misspelt would do nothing."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self)
        if kind in (Config, EngineConfig) and not hasattr(kind, name):
            near = get_close_matches(name, [field.name for field in fields(self)], 1)
            hint = f", did you mean '{near[0]}'?" if near else ""
            raise AttributeError(f"{kind.__name__} has no option '{name}'{hint}")
        super().__setattr__(name, value)


class _Followed(_Known):
    """Keeps who is to hear of a change where ``vars`` does not show it."""

    __slots__ = ("__weakref__", "_followers")
    _followers: WeakSet[Any]

    def _follow(self, problem: _Follower) -> None:
        if not hasattr(self, "_followers"):
            self._followers = WeakSet()
        self._followers.add(problem)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "type" and not isinstance(value, str | Method):
            is_class = isinstance(value, type) and issubclass(value, Method)
            got = f"the class, write {value.__name__}()" if is_class else repr(value)
            raise TypeError(f"Config: type takes a name or an object of a method, got {got}")
        followers = [] if name == "_followers" else list(getattr(self, "_followers", ()))
        before = getattr(self, name, None)
        super().__setattr__(name, value)
        try:
            for follower in followers:
                follower._heed(name)
        except Exception:
            super().__setattr__(name, before)
            for follower in followers:
                follower._heed(name)
            raise

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class Config(_Followed):
    """Options of one :class:`~betty.problems.Problem`.

    Of ``unroll_steps`` and what is an attribute of a problem too (``gradient_accumulation``,
    ``gradient_clipping``, ``warmup_steps``, ``precision``, ``log_step``, ``log_local_step``) a
    problem takes what is here when it is made, of the others when the engine is made. What is set
    later, here or as ``problem.gradient_clipping``, holds from the next step on, or is refused with
    a ValueError: ``replay``, and ``type`` with its options where it is ``"iterative"`` or
    ``"forward"``.

    Attributes:
        type: Hypergradient method used where this problem is an inner node of an upper problem's
            path: a name of ``betty.hypergradient.methods()``, one given to
            ``betty.hypergradient.register``, or an object such as
            ``betty.hypergradient.CG(iterations=5)``, whose options take the place of those here.
        precision: ``"fp32"``, or ``"bf16"`` or ``"fp16"``: products, and what is kept for
            derivatives, are stored in that type, everything else is f32. It goes with the problem's
            parameters, also where another problem's loss uses them.
        initial_dynamic_scale: With ``"fp16"``, what losses are scaled by at first.
        scale_factor: What that is divided by when a step overflows, which leaves the step out
            (``problem.skipped_steps``), and multiplied by after 2000 good steps.
        first_order: For an upper problem, add the implicit gradient of each of its paths.
        include_indirect: Where this problem is inside a path from above and has a hypergradient of
            its own, that counts as a part of its gradient: the path then meets the derivatives of
            its total gradient, not of its loss alone.
        unroll_steps: Optimizer updates of this problem between two steps of its parents.
        gradient_accumulation: Micro-steps an update is made of; the loss is divided by it.
        gradient_clipping: Largest total L2 norm of the gradient; 0 is off.
        warmup_steps: Micro-steps before the parents are stepped for the first time.
        steps_per_call: Steps that this problem takes, each on a fresh batch, each time the problems
            below it are through with an inner loop.
        on_nan: What becomes of a step whose loss or gradient is not finite: ``"ignore"`` takes it,
            ``"stop"`` ends the run with an error, ``"skip"`` leaves it out and counts it
            (``problem.skipped_steps``). In both, everything keeps its last good values.
        log_step: Log every so many steps of this problem; -1 is never.
        log_local_step: Count this problem's own steps on the log's axis, not the engine's.
        replay: Promise that ``training_step`` is a pure function of the batch and the parameters:
            it is recorded once for each kind of batch and not called again. ``param_callback``
            finds no gradients then.
        darts_alpha: R in the step eps = R / ||v|| of the finite difference.
        darts_multitask: Leave the lower parameters at theta - eps v: one more step of the lower
            problem, towards the upper loss.
        sama_adam_alpha: R of ``"sama"``, as ``darts_alpha``.
        sama_multitask: As ``darts_multitask``.
        neumann_iterations: Terms of the series for the inverse Hessian after the first.
        neumann_alpha: Its step; it converges below 2 / the largest eigenvalue.
        cg_iterations: Conjugate-gradient steps on H x = v.
        cg_alpha: Scales the solution.
        cg_tolerance: Relative residual at which the solution no longer changes.
        cg_damping: Added to the diagonal of the Hessian.
        cg_warm_start: Start from the solution of the last call, not from 0.
        cg_strict: Refuse a step on an indefinite Hessian with a RuntimeError instead of taking it
            with a RuntimeWarning.
        iterative_truncation: With ``"iterative"``, the number of optimizer steps that are
            differentiated, from the last one back; 0 is all of the inner loop.
        iterative_checkpoint: Keep the parameters of every sqrt(T)-th step only and compute the
            others again: memory of 2 sqrt(T) steps for one more gradient a step.
        retain_graph: Accepted for migration; not needed.
        allow_unused: Accepted for migration; not needed.

    Example:
        >>> from betty.configs import Config
        >>> Config(type="exact", unroll_steps=10).unroll_steps
        10
    """

    # In the order of the reference, which programs may count on; then what is only here.
    type: str | Method = "darts"
    unroll_steps: int = 1
    first_order: bool = True
    retain_graph: bool = False
    allow_unused: bool = True
    gradient_accumulation: int = 1
    gradient_clipping: float = 0.0
    precision: str = "fp32"
    initial_dynamic_scale: float = 4096.0
    scale_factor: float = 2.0
    warmup_steps: int = 0
    log_step: int = -1
    log_local_step: bool = False
    darts_alpha: float = 0.01
    darts_multitask: bool = False
    sama_adam_alpha: float = 1.0
    sama_multitask: bool = False
    neumann_iterations: int = 1
    neumann_alpha: float = 1.0
    cg_iterations: int = 1
    cg_alpha: float = 1.0
    include_indirect: bool = False
    steps_per_call: int = 1
    on_nan: str = "ignore"
    replay: bool = False
    cg_tolerance: float = 0.0
    cg_damping: float = 0.0
    cg_warm_start: bool = False
    cg_strict: bool = False
    iterative_truncation: int = 0
    iterative_checkpoint: bool = False

    def options(self) -> dict[str, Any]:
        """The options as the engine takes them, by name."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return own | self.type.options() if isinstance(self.type, Method) else own


@dataclass
class EngineConfig(_Known):
    """Options of an :class:`~betty.engine.Engine`.

    Attributes:
        train_iters: Calls of ``train_step`` in one ``run``.
        valid_step: Validate every so many of them.
        logger_type: ``"none"`` or ``"console"``, ``"tensorboard"``, ``"wandb"``, ``"jsonl"``: see
            :mod:`betty.logging`.
        roll_back: Once the problems above an inner loop have stepped, undo the loop and take one
            step of it with what they have become.
        progress: Show a progress bar with the last loss of each problem (needs tqdm).
        strategy: ``"default"`` or ``"cpu"``, or ``"data_parallel"``: the loss of each step is
            recorded once for each replica, on its rows of the batch, and the replicas run side by
            side. A loss must be a mean over the batch; then the result is that of one replica up to
            rounding.
        replicas: How many, with ``"data_parallel"``; 0 is one for each thread of the engine.
        sync_batchnorm: Batch norms are by the statistics of the whole batch, as with
            :class:`betty.nn.SyncBatchNorm`, and not of each replica's part.
        backend: Accepted for migration.
        early_stopping: Stop when the validation metric no longer improves.
        early_stopping_mode: ``"min"`` or ``"max"``.
        early_stopping_tolerance: Validations without improvement before stopping.
        early_stopping_metric: Key of the metric in what ``validation`` returns.
    """

    train_iters: int = 50000
    valid_step: int = 500
    logger_type: str = "none"
    # In the order of the reference; then what is only here.
    roll_back: bool = False
    backend: str = "default"
    strategy: str = "default"
    early_stopping: bool = False
    early_stopping_mode: str = "min"
    early_stopping_tolerance: int = 5
    early_stopping_metric: str = "loss"
    progress: bool = False
    replicas: int = 0
    sync_batchnorm: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            given, wanted = getattr(self, field.name), type(field.default)
            if not isinstance(given, str if wanted is str else SupportsIndex):
                raise TypeError(
                    f"EngineConfig: {field.name} takes {wanted.__name__}, "
                    f"got {type(given).__name__} {given!r}"
                )
            if wanted is int:
                setattr(self, field.name, index(given))
        if self.train_iters < 0:
            raise ValueError(
                f"EngineConfig: train_iters must be at least 0, got {self.train_iters}"
            )
        if self.valid_step < 1:
            raise ValueError(f"EngineConfig: valid_step must be at least 1, got {self.valid_step}")
        if self.logger_type not in logger_mapping:
            known = ", ".join(map(repr, logger_mapping))
            raise ValueError(
                f"EngineConfig: logger_type must be one of {known}, got {self.logger_type!r}"
            )
        if self.strategy not in STRATEGIES:
            known = "'default', 'cpu' or 'data_parallel' (threads of this process)"
            why = ": there is no GPU" if self.strategy == "gpu" else ""
            raise ValueError(f"EngineConfig: strategy must be {known}, got {self.strategy!r}{why}")
        if self.replicas < 0:
            raise ValueError(f"EngineConfig: replicas must be at least 0, got {self.replicas}")
        if self.replicas > 1 and STRATEGIES[self.strategy] == "default":
            raise ValueError(
                f"EngineConfig: {self.replicas} replicas need strategy 'data_parallel', "
                f"got {self.strategy!r}"
            )
        if self.early_stopping_mode not in ("min", "max"):
            raise ValueError(
                "EngineConfig: early_stopping_mode must be 'min' or 'max', "
                f"got {self.early_stopping_mode!r}"
            )
        if self.early_stopping_tolerance < 1:
            raise ValueError(
                "EngineConfig: early_stopping_tolerance must be at least 1, "
                f"got {self.early_stopping_tolerance}"
            )
