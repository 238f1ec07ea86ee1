"""Recurrent layers, written out step by step in operations that have a rule.

What depends on the inputs alone is one product for all steps; what depends on the state is one for
each. Of sequences of several lengths (packed) fewer and fewer are left: the longest come first.

Legend: T steps, B samples, E features in, H features of the state, L layers, W directions, n rows
of all samples' steps.

References:
    The equations of torch.nn.RNN, LSTM and GRU.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

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
    cell: Cell, x: Tensor, start: State, weights: Weights, biased: bool, *, backwards: bool,
    sizes: list[int] | None,
) -> tuple[Tensor, State]:  # fmt: skip
    """All steps of a layer, [T, B, E] -> [T, B, H] or [n, E] -> [n, H], and the last states."""
    gi = functional.linear(x, weights[0], weights[2] if biased else None)
    steps = gi.unbind(0) if sizes is None else torch.split(gi, sizes)
    whole = len(start[0])
    # Backwards the longest sequences begin alone, and the others join them.
    state = _some(start, 0, whole if sizes is None or not backwards else sizes[-1])
    outputs, ended = [], list[State]()
    for products in reversed(steps) if backwards else steps:
        before, now = len(state[0]), len(products)
        if now < before:
            ended.append(_some(state, now, before))
            state = _some(state, 0, now)
        elif now > before:
            state = _together([state, _some(start, before, now)])
        state = cell(products, state, weights, biased)
        outputs.append(state[0])
    if backwards:
        outputs.reverse()
    last = _together([state, *reversed(ended)])
    return torch.stack(outputs) if sizes is None else torch.cat(outputs), last


def _some(state: State, begin: int, end: int) -> State:
    """The states of some samples."""
    whole = begin == 0 and end == len(state[0])
    return state if whole else tuple(part[begin:end] for part in state)


def _together(states: Sequence[State]) -> State:
    """The states of samples, then of others."""
    if len(states) == 1:
        return states[0]
    return tuple(torch.cat(parts) for parts in zip(*states, strict=True))


def _layers(cell: Cell, several: bool) -> Callable[..., State]:
    """A recurrent layer as torch calls it.

    Args:
        cell: A step.
        several: Whether the state is a list of tensors.

    Returns:
        The function.
    """

    def run(
        sizes: list[int] | None,
        x: Tensor,
        hx: Any,
        params: Any,
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool = False,
    ) -> State:
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
                    cell, x, state, weights, has_biases, backwards=way == 1, sizes=sizes
                )
                sides.append(side)
                ends.append(state)
            x = torch.cat(sides, -1) if bidirectional else sides[0]
            if dropout and train and layer < num_layers - 1:
                x = functional.dropout(x, dropout)
        last = (torch.stack(part) for part in zip(*ends, strict=True))
        return x.transpose(0, 1) if batch_first else x, *last

    def choose(*args: Any, **named: Any) -> State:
        if not isinstance(args[3], (tuple, list)):
            return run(None, *args, **named)
        # Packed: what is given second is how many samples each step has.
        data, counts, *rest = args
        with torch._C.DisableTorchFunction():
            # Read one by one, which is seen by who records; tolist() is not.
            sizes = [int(count) for count in counts]
        return run(sizes, data, *rest, **named)

    return choose


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
