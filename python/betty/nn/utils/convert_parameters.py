"""Parameters as one vector, under the names of `torch.nn.utils.convert_parameters`."""

from __future__ import annotations

from collections.abc import Iterable

from betty import _functions as F
from betty._native import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters, one after another."""
    return F.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Takes the values of parameters from one vector.

    Raises:
        TypeError: ``vec`` is no tensor.
        RuntimeError: It has another number of elements than the parameters.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected betty.Tensor, but got: {type(vec).__name__}")
    given = list(parameters)
    count = sum(p.numel() for p in given)
    if vec.numel() != count:
        raise RuntimeError(
            f"vector_to_parameters: the vector has {vec.numel()} elements, the parameters {count}"
        )
    first = 0
    for p in given:
        p.data = vec[first : first + p.numel()].reshape(p.shape).detach().clone()
        first += p.numel()
