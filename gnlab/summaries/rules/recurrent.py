"""Recurrent layers, written out step by step in operations that have a rule.

What depends on the inputs alone is one product for all steps; what depends on the state is one for
each. Sequences of several lengths (packed) are left to the plain definition.

Legend: T steps, B samples, E features in, H features of the state, L layers, W directions.

References:
    The equations of torch.nn.RNN, LSTM and GRU.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.rules.calls import NoRuleError

State = tuple[Tensor, ...]
"""What is handed on from step to step, [B, H] each; the first is the output."""
Weights = Sequence[Tensor]
"""Of the inputs and of the state, their biases if there are any, and the projection if any."""
Cell = Callable[[Tensor, State, Weights, bool], State]
"""A step: (the inputs' products, the state, the weights, whether there are biases) -> the state."""


def _of_state(h: Tensor, weights: Weights, biased: bool) -> Tensor:
    """The state's products."""
    return functional.linear(h, weights[1], weights[3] if biased else None)


def _lstm(gi: Tensor, state: State, weights: Weights, biased: bool) -> State:
    """Long short-term memory."""
    h, c = state
    i, f, g, o = (gi + _of_state(h, weights, biased)).chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    if len(weights) % 2:
        h = functional.linear(h, weights[-1])
    return h, c


def _gru(gi: Tensor, state: State, weights: Weights, biased: bool) -> State:
    """The gated recurrent unit."""
    (h,) = state
    ir, iz, i_n = gi.chunk(3, -1)
    hr, hz, hn = _of_state(h, weights, biased).chunk(3, -1)
    n = torch.tanh(i_n + torch.sigmoid(ir + hr) * hn)
    return (n + torch.sigmoid(iz + hz) * (h - n),)


def _elman(function: Callable[[Tensor], Tensor]) -> Cell:
    """The plain recurrent network with some activation."""

    def step(gi: Tensor, state: State, weights: Weights, biased: bool) -> State:
        return (function(gi + _of_state(state[0], weights, biased)),)

    return step


def _in_one_direction(
    cell: Cell, x: Tensor, state: State, weights: Weights, biased: bool, *, backwards: bool
) -> tuple[Tensor, State]:
    """All steps of a layer, [T, B, E] -> [T, B, H], and the state after the last."""
    gi = functional.linear(x, weights[0], weights[2] if biased else None).unbind(0)
    outputs = []
    for products in reversed(gi) if backwards else gi:
        state = cell(products, state, weights, biased)
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if backwards else outputs), state


def _layers(cell: Cell, several: bool) -> Callable[..., State]:
    """A recurrent layer as torch calls it.

    Args:
        cell: A step.
        several: Whether the state is a list of tensors.

    Returns:
        The function.
    """

    def run(
        x: Tensor,
        hx: Any,
        params: Any,
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: Any = None,
    ) -> State:
        if not isinstance(params, (tuple, list)) or batch_first is None:
            raise NoRuleError("a recurrent layer of sequences of several lengths")
        ways = 1 + bidirectional
        size = len(params) // (num_layers * ways)
        starts = [part.unbind(0) for part in (hx if several else (hx,))]
        x = x.transpose(0, 1) if batch_first else x
        ends = []
        for layer in range(num_layers):
            sides = []
            for way in range(ways):
                at = layer * ways + way
                weights = params[at * size : (at + 1) * size]
                state = tuple(part[at] for part in starts)
                side, state = _in_one_direction(
                    cell, x, state, weights, has_biases, backwards=way == 1
                )
                sides.append(side)
                ends.append(state)
            x = torch.cat(sides, -1) if bidirectional else sides[0]
            if dropout and train and layer < num_layers - 1:
                x = functional.dropout(x, dropout)
        last = (torch.stack(part) for part in zip(*ends, strict=True))
        return x.transpose(0, 1) if batch_first else x, *last

    return run


def _one_step(cell: Cell, several: bool) -> Callable[..., Any]:
    """A recurrent cell as torch calls it."""

    def run(
        x: Tensor,
        hx: Any,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Any:
        biases = [b for b in (b_ih, b_hh) if b is not None]
        gi = functional.linear(x, w_ih, b_ih)
        state = tuple(hx) if several else (hx,)
        found = cell(gi, state, [w_ih, w_hh, *biases], len(biases) == 2)
        return found if several else found[0]

    return run


_CELLS: Mapping[str, tuple[Cell, bool]] = {
    "lstm": (_lstm, True),
    "gru": (_gru, False),
    "rnn_tanh": (_elman(torch.tanh), False),
    "rnn_relu": (_elman(torch.relu), False),
}

FORMULAS: Mapping[str, Callable[..., Any]] = {
    **{name: _layers(*cell) for name, cell in _CELLS.items()},
    **{f"{name}_cell": _one_step(*cell) for name, cell in _CELLS.items()},
}
"""The formulas by the operation's plain name."""
