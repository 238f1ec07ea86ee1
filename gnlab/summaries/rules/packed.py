"""Sequences of several lengths, packed and padded: rows in another order.

Which row goes where is found by sending the rows' numbers the same way.

Legend: T steps, B samples, n rows of all samples' steps.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

_torch: Any = torch  # which declares no types for these functions
_nn: Any = torch._C._nn


def packed(x: Tensor, lengths: Tensor, batch_first: bool) -> tuple[Tensor, Tensor]:
    """The rows of x [T, B, ...] that sequences have, [n, ...], and how many at each step."""
    with torch._C.DisableTorchFunction():
        numbers = torch.arange(x.shape[0] * x.shape[1], device=x.device).reshape(*x.shape[:2], 1)
        rows, sizes = _torch._pack_padded_sequence(numbers, lengths, batch_first)
    return x.flatten(0, 1).index_select(0, rows.reshape(-1)), sizes


def padded(
    data: Tensor, sizes: Tensor, batch_first: bool, padding_value: float, total_length: int
) -> tuple[Tensor, Tensor]:
    """Packed rows [n, ...] as [T, B, ...], and the lengths; what is behind an end is a number."""
    with torch._C.DisableTorchFunction():
        numbers = torch.arange(len(data), device=data.device)[:, None]
        rows, lengths = _torch._pad_packed_sequence(numbers, sizes, batch_first, -1, total_length)
    return _at(data, rows[..., 0], padding_value), lengths


def side_by_side(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, *rest: Any
) -> Tensor:
    """Sequences as one tensor; what is behind an end is a number."""
    given, begin, numbers = list(sequences), 0, []
    with torch._C.DisableTorchFunction():
        for sequence in given:
            end = begin + len(sequence)
            numbers.append(torch.arange(begin, end, device=sequence.device))
            begin = end
        rows = _nn.pad_sequence(numbers, batch_first, -1, *rest)
    return _at(torch.cat(given), rows, padding_value)


def _at(data: Tensor, rows: Tensor, otherwise: float) -> Tensor:
    """Some rows of data, and a number where the row is −1."""
    nowhere = (rows < 0).reshape(*rows.shape, *[1] * (data.dim() - 1))
    found = data.index_select(0, rows.clamp(min=0).reshape(-1))
    return found.reshape(*rows.shape, *data.shape[1:]).masked_fill(nowhere, otherwise)


FORMULAS: Mapping[str, Callable[..., Any]] = {
    "_pack_padded_sequence": packed, "_pad_packed_sequence": padded, "pad_sequence": side_by_side,
}  # fmt: skip
"""The formulas by the operation's plain name."""
