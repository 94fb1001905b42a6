"""Recurrent networks: Elman's, LSTM (Hochreiter and Schmidhuber 1997) and GRU (Cho et al. 2014).

A layer projects all its inputs in one product and then records the steps one by one: the lengths
of a program are few, each is compiled once, and a gate is one fused pass over a step.
"""

from __future__ import annotations

import warnings
from typing import Any

from betty import _functions as ops
from betty._creation import empty, zeros
from betty._native import Tensor
from betty.nn import functional as F
from betty.nn.cells import STEPS, draw_uniform
from betty.nn.module import Module
from betty.nn.parameter import Parameter
from betty.nn.utils.packed import PackedSequence, padded_of, repacked

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

State = Tensor | tuple[Tensor, Tensor]


class RNNBase(Module):
    """What the recurrent networks share: parameters of each layer and direction, and the loop.

    Inputs are [L, N, in] ([N, L, in] with ``batch_first``), [L, in], or packed sequences, which
    give packed outputs; their states stand still where a sequence has ended.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if mode not in STEPS:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        if min(input_size, hidden_size, num_layers) <= 0:
            raise ValueError(
                "input_size, hidden_size and num_layers must be positive, "
                f"got {input_size}, {hidden_size} and {num_layers}"
            )
        F.dropouts.check_probability(dropout)
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={num_layers}",
                stacklevel=3,
            )
        if proj_size < 0 or (proj_size > 0 and mode != "LSTM"):
            raise ValueError("proj_size must be positive, and is for LSTM only")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        gates = STEPS[mode][0] * hidden_size
        width = proj_size or hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else width * self._directions
            for suffix in self._suffixes(layer):
                shapes = {"weight_ih": (gates, inputs), "weight_hh": (gates, width)}
                if bias:
                    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    setattr(self, name + suffix, Parameter(empty(*shape, dtype=dtype)))
        self.reset_parameters()
        if device is not None:
            self.to(device)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def reset_parameters(self) -> None:
        """Draws all parameters within 1 / sqrt(hidden_size)."""
        draw_uniform(self, self.hidden_size)

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters, one list for each layer and direction."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        held = list(self._parameters.values())
        size = len(held) // count
        return [held[first : first + size] for first in range(0, len(held), size)]

    def flatten_parameters(self) -> None:
        """Does nothing: there is no other layout."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        packed = isinstance(input, PackedSequence)
        given = input.data if packed else input
        if not packed and given.dim() not in (2, 3):
            raise ValueError(f"{self.mode}: Expected input to be 2D or 3D, got {given.dim()}D")
        if given.shape[-1] != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {given.shape[-1]}"
            )
        if packed:
            return self._packed(input, hx)
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(1)
        if batched and self.batch_first:
            x = x.transpose(0, 1)
        if x.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        x, lasts = self._layers(x, self._starts(x, hx, batched))
        if batched and self.batch_first:
            x = x.transpose(0, 1)
        if not batched:
            x, lasts = x.squeeze(1), [last.squeeze(1) for last in lasts]
        return x, (tuple(lasts) if self.mode == "LSTM" else lasts[0])

    def _packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        """Sequences of different lengths: all steps of the longest, the ended ones masked."""
        x, mask = padded_of(packed)
        pair = self.mode == "LSTM"
        if hx is not None and packed.sorted_indices is not None:
            states = [ops.index_select(h, 1, packed.sorted_indices) for h in (hx if pair else [hx])]
            hx = tuple(states) if pair else states[0]
        x, lasts = self._layers(x, self._starts(x, hx, True), mask.unsqueeze(-1))
        if packed.unsorted_indices is not None:
            lasts = [ops.index_select(last, 1, packed.unsorted_indices) for last in lasts]
        return repacked(x, packed), (tuple(lasts) if pair else lasts[0])

    def _layers(
        self, x: Tensor, starts: tuple[Tensor, ...], mask: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """All layers over [L, N, in]: outputs and last states, stacked."""
        results: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer > 0:
                x = F.dropout(x, self.dropout, self.training)
            sides = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                number = layer * self._directions + direction
                start = tuple(part[number] for part in starts)
                side, last = self._run(x, start, suffix, direction == 1, mask)
                sides.append(side)
                results.append(last)
            x = sides[0] if len(sides) == 1 else ops.cat(sides, dim=-1)
        return x, [ops.stack(parts) for parts in zip(*results, strict=True)]

    def _starts(self, x: Tensor, hx: Any, batched: bool) -> tuple[Tensor, ...]:
        """The first states [layers, N, width], as a tuple of one or, for an LSTM, two."""
        count, batch = self.num_layers * self._directions, x.shape[1]
        widths = [self.proj_size or self.hidden_size, self.hidden_size]
        widths = widths if self.mode == "LSTM" else widths[:1]
        if hx is None:
            return tuple(zeros(count, batch, width, dtype=x.dtype) for width in widths)
        states = tuple(hx) if self.mode == "LSTM" else (hx,)
        for number, (state, width) in enumerate(zip(states, widths, strict=True)):
            wanted = (count, batch, width) if batched else (count, width)
            if tuple(state.shape) != wanted:
                raise RuntimeError(
                    f"Expected hidden[{number}] size {wanted}, got {list(state.shape)}"
                )
        return states if batched else tuple(state.unsqueeze(1) for state in states)

    def _run(
        self,
        x: Tensor,
        start: tuple[Tensor, ...],
        suffix: str,
        backwards: bool,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One layer in one direction: all outputs [L, N, width] and the last state.

        Where the mask [L, N, 1] is False, the state stays as it was.
        """

        def part(name: str) -> Tensor | None:
            return getattr(self, name + suffix, None)

        step = STEPS[self.mode][1]
        weight, bias, smaller = part("weight_hh"), part("bias_hh"), part("weight_hr")
        inputs = F.linear(x, part("weight_ih"), part("bias_ih")).unbind(0)
        masks = [None] * len(inputs) if mask is None else mask.unbind(0)
        state, outputs = start, []
        steps = list(zip(inputs, masks, strict=True))
        for one, inside in reversed(steps) if backwards else steps:
            before = state if len(state) == 2 else state[0]
            made = step(one, before, lambda hidden: F.linear(hidden, weight, bias))
            made = made if isinstance(made, tuple) else (made,)
            if smaller is not None:
                made = (F.linear(made[0], smaller), made[1])
            if inside is not None:
                made = tuple(
                    ops.where(inside, new, old) for new, old in zip(made, state, strict=True)
                )
            state = made
            outputs.append(state[0])
        if backwards:
            outputs.reverse()
        return ops.stack(outputs), state

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        for name, default in defaults.items():
            if getattr(self, name) != default:
                shown.append(f"{name}={getattr(self, name)}")
        return ", ".join(shown)


class RNN(RNNBase):
    """h ← tanh(W x + b + U h + c), or relu.

    Example:
        >>> import betty
        >>> output, last = betty.nn.RNN(3, 4)(betty.randn(5, 2, 3))
        >>> output.shape, last.shape
        (betty.Size([5, 2, 4]), betty.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(mode, input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory; its state is a pair of hidden and cell state.

    Example:
        >>> import betty
        >>> output, (hidden, cell) = betty.nn.LSTM(3, 4, batch_first=True)(betty.randn(2, 5, 3))
        >>> output.shape, hidden.shape, cell.shape
        (betty.Size([2, 5, 4]), betty.Size([1, 2, 4]), betty.Size([1, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units, with the reset gate after the product."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("GRU", *args, **kwargs)
