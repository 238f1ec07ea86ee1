"""Layers' products with each group's own units alone, where the groups share rows by colour.

Legend: m groups in q colours, r entries of each; n samples.
"""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from gnlab.summaries.jets.coloured import Coloured
from gnlab.summaries.jets.colours import Colouring
from gnlab.summaries.jets.ranks import Ranks, index

Indices = slice | Tensor
"""Some channels."""


def linear(x: Coloured, W: Tensor, out: Tensor | None = None) -> Tensor:
    """W x along each group.

    Args:
        x: The input, its units last, [..., F] each row.
        W: The matrix, [y, F].
        out: Where to put the result.

    Returns:
        The rows of each group, [m, ..., y].
    """
    values, q, m = x.jet.values, len(x.colouring.owner), len(x.colouring.ranks)
    count, ahead, device = values.shape[-1], values.shape[1:-1], values.device
    n = math.prod(ahead)
    places, entries, r = _gathered(x.colouring, x.axis.times)
    rows = values.reshape(q, n, count).movedim(0, 1).reshape(n, q * count)
    if q * count in places:
        rows = torch.cat([rows, rows.new_zeros(n, 1)], 1)
    own = rows.index_select(1, index(places, device)).reshape(n, m, r).movedim(1, 0)
    share = W.index_select(1, index(entries, device)).T.reshape(m, r, len(W))
    target = None if out is None else out.view(m, n, len(W))
    y = torch.mul(own, share, out=target) if r == 1 else torch.bmm(own, share, out=target)
    return y.reshape(m, *ahead, len(W)) if out is None else out


def convolution(
    x: Coloured, product: Callable[[Tensor, Indices], Tensor], out: Tensor | None = None
) -> Tensor:
    """A convolution's product along each group.

    Args:
        x: The input, its units the channels, [N, C, ...] each row.
        product: The product of some of the channels with their share of the kernels.
        out: Where to put the result.

    Returns:
        The rows of each group, [m, N, ...].
    """
    made = []
    for owned in x.colouring.owned.values():
        units = _side_by_side(owned.units, x.jet.values.device)
        made.append(product(x.jet.values[owned.colour][:, units], units))
    return torch.stack(made, out=out)


def _side_by_side(units: tuple[int, ...], device: torch.device) -> Indices:
    """Channels as a slice if they are one."""
    if units == tuple(range(units[0], units[0] + len(units))):
        return slice(units[0], units[0] + len(units))
    return index(units, device)


@functools.lru_cache(maxsize=64)
def _gathered(colouring: Colouring, times: int) -> tuple[Ranks, Ranks, int]:
    """Where each group's own entries are, as many for each.

    Args:
        colouring: The groups.
        times: How many entries belong to each unit.

    Returns:
        Their places among the entries of all colours, m·r of them, one behind the last where a
        group has fewer; their places in their own colour, there any; r.
    """
    count, r = colouring.units * times, colouring.longest * times
    behind = count * len(colouring.owner)
    places: list[int] = []
    entries: list[int] = []
    for owned in colouring.owned.values():
        own = [unit * times + i for unit in owned.units for i in range(times)]
        missing = r - len(own)
        places += [owned.colour * count + entry for entry in own] + [behind] * missing
        entries += own + [0] * missing
    return tuple(places), tuple(entries), r
