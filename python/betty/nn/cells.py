"""One step of a recurrent network, as a function and as a module."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from betty._creation import empty, zeros
from betty._native import Tensor
from betty.nn import functional as F
from betty.nn import init
from betty.nn.module import Module
from betty.nn.parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


def _lstm(x: Tensor, state: tuple[Tensor, Tensor], project: Callable) -> tuple[Tensor, Tensor]:
    inside, forget, new, out = (x + project(state[0])).chunk(4, -1)
    cell = forget.sigmoid() * state[1] + inside.sigmoid() * new.tanh()
    return out.sigmoid() * cell.tanh(), cell


def _gru(x: Tensor, state: Tensor, project: Callable) -> Tensor:
    (ar, az, an), (br, bz, bn) = x.chunk(3, -1), project(state).chunk(3, -1)
    reset, update = (ar + br).sigmoid(), (az + bz).sigmoid()
    new = (an + reset * bn).tanh()
    return new + update * (state - new)


def _tanh(x: Tensor, state: Tensor, project: Callable) -> Tensor:
    return (x + project(state)).tanh()


def _relu(x: Tensor, state: Tensor, project: Callable) -> Tensor:
    return (x + project(state)).relu()


# By mode: the gates of a step and the function of one.
STEPS = {"LSTM": (4, _lstm), "GRU": (3, _gru), "RNN_TANH": (1, _tanh), "RNN_RELU": (1, _relu)}


def draw_uniform(module: Module, hidden: int) -> None:
    """Draws all parameters within 1 / sqrt(hidden)."""
    bound = 1 / math.sqrt(hidden) if hidden > 0 else 0
    for weight in module.parameters():
        init.uniform_(weight, -bound, bound)


class RNNCellBase(Module):
    """One step of a recurrent network: inputs [N, in] or [in]."""

    mode: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = STEPS[self.mode][0] * hidden_size
        self.weight_ih = Parameter(empty(gates, input_size, dtype=dtype))
        self.weight_hh = Parameter(empty(gates, hidden_size, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            parameter = Parameter(empty(gates, dtype=dtype)) if bias else None
            self.register_parameter(name, parameter)
        self.reset_parameters()
        if device is not None:
            self.to(device)

    def reset_parameters(self) -> None:
        """Draws all parameters within 1 / sqrt(hidden_size)."""
        draw_uniform(self, self.hidden_size)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(f"{name}: expected {self.input_size} inputs, got {input.shape[-1]}")
        if hx is None:
            start = zeros(*input.shape[:-1], self.hidden_size, dtype=input.dtype)
            hx = (start, start) if self.mode == "LSTM" else start
        for state in hx if self.mode == "LSTM" else (hx,):
            if tuple(state.shape) != (*input.shape[:-1], self.hidden_size):
                raise RuntimeError(
                    f"{name}: the state of inputs {list(input.shape)} must be "
                    f"{[*input.shape[:-1], self.hidden_size]}, got {list(state.shape)}"
                )
        x = F.linear(input, self.weight_ih, self.bias_ih)
        step = STEPS[self.mode][1]
        return step(x, hx, lambda hidden: F.linear(hidden, self.weight_hh, self.bias_hh))

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias else text + ", bias=False"


class RNNCell(RNNCellBase):
    """One step of an RNN."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {nonlinearity}")
        self.mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        text = super().extra_repr()
        is_default = self.nonlinearity == "tanh"
        return text if is_default else f"{text}, nonlinearity={self.nonlinearity}"


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (hidden, cell) from an input and (hidden, cell)."""

    mode = "LSTM"


class GRUCell(RNNCellBase):
    """One step of a GRU."""

    mode = "GRU"
