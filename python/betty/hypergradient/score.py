"""The surrogate loss of lower problems that sample."""

from __future__ import annotations

from betty._native import Tensor

__all__ = ["score_loss"]


def score_loss(log_probs: Tensor, costs: Tensor, baseline: bool = True) -> Tensor:
    """A loss whose gradients are score-function estimates (Williams, 1992).

    With samples ``a_i`` drawn from ``p_theta`` it is the mean of ``log p(a_i) (c_i - b_i)``, where
    ``b_i`` is the mean cost of the other samples. Its derivative by ``theta`` estimates that of the
    expected cost, and its mixed derivative by ``theta`` and whatever the costs depend on estimates
    the mixed derivative, which ``Config(type="reinforce")`` needs. Its value means nothing.

    Args:
        log_probs: Log-probabilities of the samples, of shape (n,).
        costs: What is to be made small, of shape (n,); may depend on upper parameters.
        baseline: Take the mean cost of the other samples off each cost, which leaves the estimate
            unbiased and makes it less noisy.

    Raises:
        ValueError: If the shapes differ or, with a baseline, there are fewer than two samples.

    Example:
        >>> import betty
        >>> from betty.hypergradient import score_loss
        >>> score_loss(betty.tensor([-1.0, -2.0]), betty.tensor([3.0, 1.0])).item()
        1.0
    """
    if log_probs.dim() != 1 or log_probs.shape != costs.shape:
        raise ValueError(
            "score_loss: log_probs and costs must be of one shape (n,), got "
            f"{tuple(log_probs.shape)} and {tuple(costs.shape)}"
        )
    if baseline:
        count = costs.shape[0]
        if count < 2:
            raise ValueError(f"score_loss: a baseline needs two samples, got {count}")
        costs = costs - (costs.sum() - costs) / (count - 1)
    return (log_probs * costs).mean()
