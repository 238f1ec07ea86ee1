"""Jets through layers: y = W x + b, with the few groups that own a part of W or b.

A layer is a product whose second factor has few derivatives, one for each group that owns a part
of it, and whose first has many, all of which go through one call. If the groups own units of the
layer, whole rows of W, one product with the direction serves them all: row i of U x is what the
group that owns unit i moves, and ⟨δ_i, (U Xˢ)_i⟩ its curvature with group s. If they own pieces
of a unit's row, single elements at last, one product of δ with the inputs serves them all: with x_j
what weight j of a row is multiplied by, element ij moves U_ij x_j at unit i, and its curvature with
group s is U_ij ⟨δ_i, Xˢ_j⟩.

Legend: N samples, k groups that have reached the input, m that own a part of the weight; a value
of the layer is at (a, i, b): unit i, and whatever comes before and after it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.curvature import Curvature
from gnlab.summaries.jets import Assembly, Jet, Operand, common, rows_of, union
from gnlab.summaries.owned import Pieces, Spread
from gnlab.summaries.products import along
from gnlab.summaries.rules.calls import Call, jet_of, value_of
from gnlab.summaries.rules.products import mixed

_BLOCK = 1 << 24  # numbers that are made at once of what is summed up at once


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer y = W x + b.

    Attributes:
        x: Its input.
        weight: W.
        bias: b or None.
        forward: (v, W, out) -> W v, for many inputs [n, *x] and one weight; in ``out`` if given.
        back: (δ, W) -> Wᵀ δ.
        bias_shape: The bias's shape as it broadcasts over y.
        by_unit: Whether each row of W makes a unit of y, as a transposed convolution's does not.
        factors: What each weight of a unit's row is multiplied by, many inputs [n, *x] ->
            [n, a, j, b]; None where that differs from unit to unit.
    """

    x: Any
    weight: Any
    bias: Any
    forward: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]
    bias_shape: tuple[int, ...]
    factors: Callable[[Tensor], Tensor] | None = None
    by_unit: bool = True

    def each(self, v: Tensor, U: Tensor, out: Tensor | None = None) -> Tensor:
        """U_i v_i for every i, or U_i v for one v."""
        if len(U) == 1:
            return self.forward(v, U[0], out)
        one = len(v) == 1
        return torch.cat(
            [self.forward(v if one else v[i : i + 1], U[i], None) for i in range(len(U))]
        )

    def moved(self, x: Tensor, weight: Jet, out: Tensor | None, shape: torch.Size) -> Tensor:
        """What each group that owns a part of W moves, U_i x, [m, *shape]."""
        if isinstance(weight, Pieces) and self.factors is not None:
            return _moved_by_pieces(self.factors(x)[0], weight).reshape(-1, *shape)
        if not isinstance(weight, Spread) or not self.by_unit:
            return self.each(x, weight.values, out)
        owns = weight.owns.reshape(-1, *self.bias_shape)
        return torch.mul(self.forward(x, weight.u, None), owns, out=out)


def apply(layer: Layer, call: Call, curvature: Curvature) -> Jet:
    """The jet of a layer's result, and its curvature."""
    x, weight, bias = jet_of(layer.x), jet_of(layer.weight), jet_of(layer.bias)
    crossed = None if x is None or weight is None else mixed(x, weight, layer.each)
    given = [jet for jet in (x, weight, bias, crossed) if jet is not None]
    ranks, bent = union(*(jet.ranks for jet in given)), union(*(jet.bent for jet in given))
    y = Assembly(ranks, bent, call.out.shape, call.out)
    if x is not None:
        jet, matrix = x, value_of(layer.weight)
        y.add(jet.ranks, jet.bent, lambda out: layer.forward(jet.values, matrix, out))
        if weight is not None and call.delta is not None:
            _curve(layer, x, weight, call.delta, curvature)
    if crossed is not None:
        y.add((), crossed.bent, lambda _: crossed.values)
    own, shape = [], call.out.shape
    if weight is not None:
        inputs = value_of(layer.x)[None]
        moved = y.add(weight.ranks, weight.bent, lambda o: layer.moved(inputs, weight, o, shape))
        own.append((layer.weight, weight, moved))
    if bias is not None:
        shift = bias.values.reshape(len(bias.values), *layer.bias_shape)
        own.append((layer.bias, bias, y.add(bias.ranks, bias.bent, lambda _: shift)))
    result = y.finish()
    if call.delta is not None:
        _tell(own, result, x, call.delta, curvature)
    return result


def _curve(layer: Layer, x: Jet, weight: Jet, delta: Tensor, curvature: Curvature) -> None:
    """Add ⟨δ, B(Xˢ, Uᵗ) + B(Xᵗ, Uˢ)⟩, and to D^(3)_sss what groups of both add."""
    if isinstance(weight, Pieces) and layer.factors is not None:
        block = _curved_by_pieces(layer.factors, x.values, weight, delta)
    elif isinstance(weight, Spread) and layer.by_unit and _is_cheaper(len(x.values), weight):
        z = layer.forward(x.values, weight.u, None).mul_(delta)
        others = [1 + i for i, n in enumerate(layer.bias_shape) if n == 1]
        of_units = z.sum(others) if others else z
        block = of_units.reshape(len(x.values), -1) @ weight.owns.T
    else:
        curvature.product(x, weight.linear(lambda U: _drawn(layer, delta, U)))
        return
    j = len(x.bent)
    curvature.between(x.ranks, weight.ranks, block[j:])
    shared = common(x.bent, weight.ranks)
    if shared:
        rows = rows_of(x.bent, block[:j], shared)
        curvature.pure(shared, rows_of(weight.ranks, rows.T, shared).diagonal(), 3)


def _moved_by_pieces(factors: Tensor, weight: Pieces) -> Tensor:
    """U_i x of each group, at its own unit [k, a, i, b], from the factors [a, j, b]."""
    k, (a, _, b) = len(weight.ranks), factors.shape
    units = len(weight.u)
    moved = torch.einsum("kj,ajb->kab", weight.pieces, factors)
    y = moved.new_zeros(k, a, units, b)
    place = weight.unit[:, None, None, None].expand(k, a, 1, b)
    return y.scatter_(2, place, moved[:, :, None])


def _curved_by_pieces(
    factors: Callable[[Tensor], Tensor], x: Tensor, weight: Pieces, delta: Tensor
) -> Tensor:
    """U_ij ⟨δ_i, Xˢ_j⟩ for every row s of the input's jet, summed over each group, [n, m]."""
    m = weight.u.numel()
    each = max(m, delta.numel() * m // len(weight.u) ** 2)  # of products, of factors
    blocks = []
    for rows in torch.split(x, max(1, _BLOCK // each)):
        v = factors(rows)
        n, a, j, b = v.shape
        d = delta.reshape(a, -1, b).movedim(1, 0).reshape(-1, a * b)
        products = torch.matmul(d, v.movedim(2, -1).reshape(n, a * b, j))  # [n, i, j]
        blocks.append(weight.gathered(products))
    return torch.cat(blocks)


def _is_cheaper(rows: int, weight: Spread) -> bool:
    """Whether drawing all rows through U is less work than drawing δ back through each group's."""
    k, units = weight.owns.shape
    return rows * units < k * (units + rows)


def _tell(
    own: list[tuple[Operand, Jet, Tensor]],
    result: Jet,
    x: Jet | None,
    delta: Tensor,
    curvature: Curvature,
) -> None:
    """Tell the slopes of the parameters that only layers use: ⟨δ, what they alone move⟩."""
    told = [entry for entry in own if entry[0].name is not None and not entry[0].apart]
    ranks = union(*(jet.ranks for _, jet, _ in told))
    if len(told) == len(own) and not (x is not None and common(ranks, x.ranks)):
        moved = rows_of(result.ranks, result.matrix.first, ranks)
        curvature.slope(ranks, along(moved, delta.reshape(-1)))
        return
    for _, jet, values in told:
        first = values[len(jet.bent) :]
        adjoint = delta.sum_to_size(first.shape[1:])
        curvature.slope(jet.ranks, along(first.reshape(len(first), -1), adjoint.reshape(-1)))


def _drawn(layer: Layer, delta: Tensor, U: Tensor) -> Tensor:
    """δ drawn back through each U."""
    if len(U) == 1:
        return layer.back(delta, U[0])[None]
    return torch.stack([layer.back(delta, each) for each in U])
