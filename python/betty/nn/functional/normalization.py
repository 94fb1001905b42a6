"""Normalisations by statistics: batch, instance and group norm.

Invariant: running statistics change in the tensors they were given in; what is written into them is
part of the step that recorded it, and no derivative flows through them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from betty import _functions as ops
from betty._native import Tensor

__all__ = ["batch_norm", "group_norm", "instance_norm"]

# Of the parts of batches that are being recorded: whether all of their norms are joint.
_parts: list[bool] = []


@contextmanager
def recording_part(all_joint: bool) -> Iterator[None]:
    """What is recorded inside sees a replica's part of a batch: a norm whose statistics are joint
    has more values than those."""
    _parts.append(all_joint)
    try:
        yield
    finally:
        _parts.pop()


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
    *,
    synchronized: bool = False,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) for each channel, times weight plus bias.

    Args:
        input: [N, C] or [N, C, ...].
        running_mean: [C]; used as mean when not training, moved towards the batch's otherwise.
        running_var: [C]; as ``running_mean``, with the unbiased variance.
        weight: [C].
        bias: [C].
        training: Whether to normalise by the batch's own statistics.
        momentum: Share of the batch in the new running statistics.
        eps: Added to the variance.
        synchronized: Under data parallelism, by the statistics of the whole batch, not of the
            replica's part.

    Raises:
        ValueError: Training with one value a channel.
        RuntimeError: Vectors that do not have one number a channel.

    Example:
        >>> import betty
        >>> x = betty.tensor([[1.0, 2.0], [3.0, 6.0]])
        >>> mean, var = betty.zeros(2), betty.ones(2)
        >>> betty.nn.functional.batch_norm(x, mean, var, training=True)
        tensor([[-1.0000, -1.0000],
                [ 1.0000,  1.0000]])
        >>> mean
        tensor([0.2000, 0.4000])
    """
    if training and eps <= 0:
        raise ValueError(f"batch_norm: eps must be positive when training, got {eps}")
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("batch_norm: running_mean must be defined in evaluation mode")
        return ops.batch_norm_inference(input, running_mean, running_var, weight, bias, eps=eps)
    made = ops.batch_norm_training(
        input, weight, bias, running_mean, running_var, momentum, eps=eps,
        synchronized=synchronized, partial=bool(_parts) and (synchronized or _parts[-1]),
    )  # fmt: skip
    return _track(made, running_mean, running_var)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As batch_norm, with statistics of each sample of [N, C, ...] by itself."""
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("instance_norm: running_mean must be defined in evaluation mode")
        return ops.batch_norm_inference(input, running_mean, running_var, weight, bias, eps=eps)
    made = ops.instance_norm_training(
        input, weight, bias, running_mean, running_var, momentum, eps=eps
    )
    return _track(made, running_mean, running_var)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """``num_groups`` groups of channels of each sample made standard, then the affine map."""
    is_known = input.ndim >= 2 and num_groups > 0
    if is_known and input.numel() == input.shape[0] * num_groups and input.shape[0] == 1:
        raise ValueError(
            "group_norm: a group must have more than 1 value, got an input of size "
            f"{list(input.shape)}"
        )
    return ops.group_norm(input, weight, bias=bias, num_groups=num_groups, eps=eps)


def _track(
    made: tuple[Tensor, ...], running_mean: Tensor | None, running_var: Tensor | None
) -> Tensor:
    if running_mean is not None and running_var is not None:
        running_mean.copy_(made[1])
        running_var.copy_(made[2])
    return made[0]
