"""The older forms of weight and spectral norm: the parts of a weight are the module's own
parameters (`weight_g`, `weight_v`, `weight_orig`), and a hook puts the weight together before each
forward."""

from __future__ import annotations

from typing import Any

from betty import _creation
from betty import _functions as F
from betty._native import Tensor
from betty._stand_ins import stand_in
from betty._warnings import warn
from betty.autograd import no_grad
from betty.nn.functional import normalize
from betty.nn.module import Module
from betty.nn.parameter import Parameter
from betty.nn.utils.parametrizations import norm_except

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


class WeightNorm:
    """The hook that puts a weight of length and direction together."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def compute(self, module: Any) -> Tensor:
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / norm_except(v, self.dim))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module))


def _hook_of(module: Module, kind: type, name: str) -> tuple[int, Any] | None:
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook.call, kind) and hook.call.name == name:
            return number, hook.call
    return None


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Makes a weight its direction ``weight_v`` times a length ``weight_g``."""
    warn(
        "nn.utils.weight_norm is deprecated in favor of nn.utils.parametrizations.weight_norm.",
        FutureWarning,
    )
    if _hook_of(module, WeightNorm, name):
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    weight = getattr(module, name)
    hook = WeightNorm(name, dim)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(norm_except(weight, dim).detach().clone()))
    module.register_parameter(f"{name}_v", Parameter(weight.detach().clone()))
    setattr(module, name, hook.compute(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Makes the weight a plain parameter again."""
    found = _hook_of(module, WeightNorm, name)
    if found is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    value = found[1].compute(module).detach()
    delattr(module, name)
    delattr(module, f"{name}_g")
    delattr(module, f"{name}_v")
    del module._forward_pre_hooks[found[0]]
    module.register_parameter(name, Parameter(value))
    return module


class SpectralNorm:
    """The hook that divides a weight by its largest singular value."""

    def __init__(self, name: str, count: int, dim: int, eps: float) -> None:
        self.name, self.count, self.dim, self.eps = name, count, dim, eps

    def matrix(self, weight: Tensor) -> Tensor:
        rest = [axis for axis in range(weight.ndim) if axis != self.dim]
        return F.flatten(weight.permute(self.dim, *rest), 1)

    def compute(self, module: Any, iterate: bool) -> Tensor:
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = self.matrix(weight)
        if iterate:
            with no_grad():
                left, right, plain = u, v, matrix.detach()
                for _ in range(self.count):
                    right = normalize(F.mv(plain.t(), left), dim=0, eps=self.eps)
                    left = normalize(F.mv(plain, right), dim=0, eps=self.eps)
                u.copy_(left)
                v.copy_(right)
        return weight / F.dot(u.clone(), F.mv(matrix, v.clone()))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module, module.training))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divides a weight by its largest singular value (Miyato et al., ICLR 2018)."""
    if _hook_of(module, SpectralNorm, name):
        raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    if n_power_iterations <= 0:
        raise ValueError(
            "Expected n_power_iterations to be positive, but got "
            f"n_power_iterations={n_power_iterations}"
        )
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    weight = getattr(module, name)
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    rows, columns = hook.matrix(weight).shape
    del module._parameters[name]
    module.register_parameter(f"{name}_orig", weight)
    object.__setattr__(module, name, weight.detach())
    u, v = (normalize(_creation.randn(n), dim=0, eps=eps) for n in (rows, columns))
    module.register_buffer(f"{name}_u", u.detach())
    module.register_buffer(f"{name}_v", v.detach())
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Makes the weight a plain parameter again."""
    found = _hook_of(module, SpectralNorm, name)
    if found is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    value = found[1].compute(module, False).detach()
    for suffix in ("", "_u", "_v", "_orig"):
        delattr(module, f"{name}{suffix}")
    del module._forward_pre_hooks[found[0]]
    module.register_parameter(name, Parameter(value))
    return module


_HOME = __name__.rpartition(".")[0]
stand_in(
    f"{_HOME}.weight_norm",
    {
        "WeightNorm": WeightNorm,
        "weight_norm": weight_norm,
        "remove_weight_norm": remove_weight_norm,
    },
)
stand_in(
    f"{_HOME}.spectral_norm",
    {
        "SpectralNorm": SpectralNorm, "spectral_norm": spectral_norm,
        "remove_spectral_norm": remove_spectral_norm,
    },
)  # fmt: skip
