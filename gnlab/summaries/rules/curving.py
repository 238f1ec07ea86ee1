"""The curvature of layers: ⟨δ, B(Xˢ, Uᵗ) + B(Xᵗ, Uˢ)⟩ of an input's groups with a weight's.

If a weight's groups own units, ⟨δ_i, (U Xˢ)_i⟩ is the curvature of unit i's with group s, so one
product with the direction serves them all. If they own pieces of a unit's row, single elements at
last, one product of δ with the inputs serves them all: with x_j what weight j of a row is
multiplied by, element ij moves U_ij x_j at unit i, and its curvature with group s is
U_ij ⟨δ_i, Xˢ_j⟩.

Legend: k groups that have reached the input, m that own a part of the weight; a value of the layer
is at (a, i, b): unit i, and whatever comes before and after it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gnlab.summaries.jets.coloured import Coloured
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, rows_of
from gnlab.summaries.jets.owned import Pieces, Spread
from gnlab.summaries.jets.ranks import common
from gnlab.summaries.rules.layer import Layer

_BLOCK = 1 << 24  # numbers that are made at once of what is summed up at once


def curve(layer: Layer, x: Jet, weight: Jet, delta: Tensor, curvature: Curvature) -> None:
    """Add the curvature of a layer's input with its weight, and what groups of both have third.

    Args:
        layer: The layer.
        x: Its input's jet; groups of the weight have rows of their own in it.
        weight: Its weight's.
        delta: δ.
        curvature: What to add to.
    """
    if x.coloured is not None:
        _with_colours(layer, x.coloured.slopes, weight, delta, curvature)
    if x.ranks:
        _with_rows(layer, x, weight, delta, curvature)


def _with_rows(layer: Layer, x: Jet, weight: Jet, delta: Tensor, curvature: Curvature) -> None:
    """Add what groups with rows of their own add."""
    if isinstance(weight, Pieces) and layer.factors is not None:
        block = _by_pieces(layer.factors, x.values, weight, delta)
    elif isinstance(weight, Spread) and _is_cheaper(layer, len(x.values), weight):
        z = layer.forward(x.values, weight.u, None).mul_(delta)
        block = _of_units(layer, z) @ weight.owns.T
    else:
        curvature.product(x, Jet(weight.ranks, weight.bent, _drawn(layer, delta, weight)))
        return
    j = len(x.bent)
    curvature.between(x.ranks, weight.ranks, block[j:])
    shared = common(x.bent, weight.ranks)
    if shared:
        rows = rows_of(x.bent, block[:j], shared)
        curvature.pure(shared, rows_of(weight.ranks, rows.T, shared).diagonal(), 3)


def _with_colours(
    layer: Layer, x: Coloured, weight: Jet, delta: Tensor, curvature: Curvature
) -> None:
    """Add what groups that own units of the input add; none of them is the weight's too."""
    assert layer.apart is not None
    if isinstance(weight, Pieces) and layer.factors is not None:
        _pieces_with_colours(layer.factors, x, weight, delta, curvature)
    elif isinstance(weight, Spread) and layer.units is not None:
        z = layer.apart.forward(x, weight.u, None).mul_(delta)
        block = _of_units(layer, z) @ weight.owns.T
        curvature.between(x.colouring.ranks, weight.ranks, block)
    else:
        # No group is in both, so second derivatives have no part in it.
        straight = Jet(weight.ranks, (), weight.first) if weight.bent else weight
        drawn = _drawn(layer, delta, straight)
        curvature.between(weight.ranks, x.colouring.ranks, x.crossed(drawn, x.jet.first))


def _of_units(layer: Layer, z: Tensor) -> Tensor:
    """Sums by unit, [n, *y] -> [n, units]."""
    others = [1 + i for i, n in enumerate(layer.bias_shape) if n == 1]
    return (z.sum(others) if others else z).reshape(len(z), -1)


def _by_pieces(
    factors: Callable[[Tensor], Tensor], x: Tensor, weight: Pieces, delta: Tensor
) -> Tensor:
    """U_ij ⟨δ_i, Xˢ_j⟩ for every row s of the input's jet, summed over each group, [n, m]."""
    m = weight.u.numel()
    each = max(m, delta.numel() * m // len(weight.u) ** 2)  # of products, of factors
    blocks = [
        weight.gathered(_products(factors(rows), delta))
        for rows in torch.split(x, max(1, _BLOCK // each))
    ]
    return torch.cat(blocks)


def _products(v: Tensor, delta: Tensor) -> Tensor:
    """⟨δ_i, Xˢ_j⟩ from an input's rows as factors [n, a, j, b], [n, i, j]."""
    n, a, j, b = v.shape
    d = delta.reshape(a, -1, b).movedim(1, 0).reshape(-1, a * b)
    return torch.matmul(d, v.movedim(2, -1).reshape(n, a * b, j))


def _pieces_with_colours(
    factors: Callable[[Tensor], Tensor],
    x: Coloured,
    weight: Pieces,
    delta: Tensor,
    curvature: Curvature,
) -> None:
    """Add U_ij ⟨δ_i, Xˢ_j⟩ of every element ij with the group s that owns input j, for a colour."""
    u, device = weight.u.reshape(len(weight.u), -1), weight.u.device
    ranks = x.colouring.numbers(device).clamp(min=0)  # [q, units of the input]
    ranks = ranks.repeat_interleave(u.shape[1] // ranks.shape[1], 1)
    own = weight.owner.reshape(u.shape)
    for colour, rows in enumerate(torch.split(x.jet.first, 1)):
        products = _products(factors(rows), delta)[0] * u  # [i, j]
        curvature.scattered(ranks[colour].expand_as(products), own, products, 2)


def _is_cheaper(layer: Layer, rows: int, weight: Spread) -> bool:
    """Whether drawing all rows through U is less work than drawing δ back through each group's."""
    k, units = len(weight.ranks), weight.colouring.units
    if layer.units is None:
        return False
    if layer.apart is None:
        return rows * units < k * (units + rows)
    # Each group's own units are drawn through on their own, in small pieces.
    return rows * units < 2 * (units + k * rows)


def _drawn(layer: Layer, delta: Tensor, weight: Jet) -> Tensor:
    """δ drawn back through each group's U, [m, *x]."""
    if isinstance(weight, Spread) and layer.apart is not None and layer.units is not None:
        own = Coloured(weight.colouring, Jet((0,), (), delta[None]), layer.units)
        return layer.apart.back(own, weight.u)
    U = weight.values
    if len(U) == 1:
        return layer.back(delta, U[0])[None]
    return torch.stack([layer.back(delta, each) for each in U])
