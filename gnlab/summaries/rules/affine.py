"""Jets through layers: y = W x + b, with the few groups that own a part of W or b.

A layer is a product whose second factor has few derivatives, one for each group that owns a part
of it, and whose first has many, all of which go through one call. Groups that own units of the
layer share rows of the result, by colour (``colours.py``); where the layer's input has such rows,
each of their groups gets rows of its own here, made of its own units' share of W.

Legend: m groups that own a part of the layer, q colours.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.jets.coloured import Coloured
from gnlab.summaries.jets.colours import together
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Assembly, Jet, Operand, rows_of
from gnlab.summaries.jets.owned import Owning, Spread
from gnlab.summaries.jets.products import along
from gnlab.summaries.jets.ranks import Ranks, common, others, union
from gnlab.summaries.rules.apart import nothing
from gnlab.summaries.rules.calls import Call, jet_of, value_of
from gnlab.summaries.rules.curving import curve
from gnlab.summaries.rules.layer import Layer
from gnlab.summaries.rules.products import mixed


@dataclass(frozen=True, slots=True, eq=False)
class _Owners:
    """The groups that own a part of a layer: those with rows of their own, those in colours.

    Attributes:
        weight: The weight's jet along the first, None for none.
        bias: The bias's.
        coloured_weight: The weight's along the second.
        coloured_bias: The bias's.
    """

    weight: Jet | None
    bias: Jet | None
    coloured_weight: Owning | None = None
    coloured_bias: Owning | None = None

    @classmethod
    def of(cls, layer: Layer, x: Jet | None) -> "_Owners":
        """Divide the groups that own a part of a layer.

        Args:
            layer: The layer.
            x: Its input's jet.

        Returns:
            In colours those whose units nobody else moves.
        """
        weight, bias = jet_of(layer.weight), jet_of(layer.bias)
        taken: Ranks = () if x is None else x.every
        for jet in (weight, bias):
            if jet is not None and not _can_be_coloured(layer, jet):
                taken = union(taken, jet.ranks)
        plain, own = _divided(layer, weight, taken)
        plain_bias, own_bias = _divided(layer, bias, taken)
        found = cls(plain, plain_bias, own, own_bias)
        return found if found._are_worth_it() else cls(weight, bias)

    def _are_worth_it(self) -> bool:
        """Whether rows of colours can be told apart, and are fewer than rows of groups."""
        one, two = self.coloured_weight, self.coloured_bias
        owners = [own.colouring for own in (one, two) if own is not None]
        if len(owners) > 1 and owners[0] != owners[1] and common(*(o.ranks for o in owners)):
            return False
        return any(len(colouring.ranks) > len(colouring.owner) for colouring in owners)


def _can_be_coloured(layer: Layer, jet: Jet) -> bool:
    """Whether a layer's parameter is owned unit by unit."""
    if not isinstance(jet, Owning) or layer.units is None:
        return False
    if jet.colouring.units != math.prod(layer.bias_shape):  # a bias of more dimensions than one
        return False
    return isinstance(jet, Spread) or layer.factors is not None


def _divided(layer: Layer, jet: Jet | None, taken: Ranks) -> tuple[Jet | None, Owning | None]:
    """A parameter's jet along groups that need rows of their own, and along the others."""
    if jet is None or not _can_be_coloured(layer, jet):
        return jet, None
    assert isinstance(jet, Owning)
    return jet.of(common(jet.ranks, taken)), jet.of(others(jet.ranks, taken))


def apply(layer: Layer, call: Call, curvature: Curvature) -> Jet:
    """The jet of a layer's result, and its curvature."""
    for made in (layer.weight, layer.bias):  # by another layer
        if isinstance(made, Operand) and made.carried is not None:
            made.carried = made.carried.expanded()
    x, weight = _received(layer), jet_of(layer.weight)
    owners = _Owners.of(layer, x)
    if x is not None and weight is not None and call.delta is not None:
        curve(layer, x, weight, call.delta, curvature)
    own = _coloured(layer, owners, call, curvature)
    rows = _rows(layer, x, owners, call, curvature)
    return rows if own is None else dataclasses.replace(rows, coloured=own)


def _received(layer: Layer) -> Jet | None:
    """The input's jet, in rows of colours where the layer can take them.

    Groups that own a part of the layer too need rows of their own.
    """
    x = jet_of(layer.x)
    if x is None or x.coloured is None:
        return x
    owners = [jet.ranks for jet in (jet_of(layer.weight), jet_of(layer.bias)) if jet is not None]
    layer.x.carried = x.expanded(union(*owners) if layer.takes(x.coloured) else None)
    return jet_of(layer.x)


def _rows(layer: Layer, x: Jet | None, owners: _Owners, call: Call, curvature: Curvature) -> Jet:
    """The rows of the result's jet along groups that have their own."""
    weight, bias, shape = owners.weight, owners.bias, call.out.shape
    crossed = None if x is None or weight is None else mixed(x, weight, layer.each)
    wide = None if x is None else x.coloured
    given = [jet for jet in (x, weight, bias, crossed) if jet is not None]
    reached = [jet.ranks for jet in given] + ([] if wide is None else [wide.colouring.ranks])
    bent = [jet.bent for jet in given] + ([] if wide is None else [wide.bent])
    if not any(reached):
        return nothing(shape, call.out)
    y, matrix = Assembly(union(*reached), union(*bent), shape, call.out), value_of(layer.weight)
    if x is not None and x.ranks:
        jet = x
        y.add(jet.ranks, jet.bent, lambda out: layer.forward(jet.values, matrix, out))
    if wide is not None and layer.apart is not None:
        each, first, second = layer.apart.forward, wide.slopes, wide.bends
        y.add(wide.colouring.ranks, (), lambda out: each(first, matrix, out))
        if wide.bent:
            y.add((), wide.bent, lambda out: each(second, matrix, out))
    if crossed is not None:
        y.add((), crossed.bent, lambda _: crossed.values)
    own: list[tuple[Operand, Jet, Tensor]] = []
    if weight is not None:
        inputs = value_of(layer.x)[None]
        moved = y.add(weight.ranks, weight.bent, lambda o: layer.moved(inputs, weight, o, shape))
        own.append((layer.weight, weight, moved))
    if bias is not None:
        shift = bias.values.reshape(len(bias.values), *layer.bias_shape)
        own.append((layer.bias, bias, y.add(bias.ranks, bias.bent, lambda _: shift)))
    result = y.finish()
    if call.delta is not None and own:
        _tell(own, result, x, call.delta, curvature)
    return result


def _coloured(layer: Layer, owners: _Owners, call: Call, curvature: Curvature) -> Coloured | None:
    """The rows that groups share which own units of the layer; tells the parameters' slopes."""
    found = []
    given: tuple[tuple[Any, Owning | None], ...] = (
        (layer.weight, owners.coloured_weight), (layer.bias, owners.coloured_bias),
    )  # fmt: skip
    for operand, own in given:
        if own is None:
            continue
        assert layer.units is not None
        values = (
            layer.moved_together(value_of(layer.x)[None], own, call.out.shape)
            if operand is layer.weight
            else layer.shifted_together(own, call.out.shape)
        )
        rows = Coloured(own.colouring, Jet(tuple(range(len(values))), (), values), layer.units)
        if call.delta is not None and _is_told(operand):
            curvature.slope(own.ranks, rows.summed(values * call.delta))
        found.append(rows)
    return _joined(found)


def _joined(found: list[Coloured]) -> Coloured | None:
    """What a weight and a bias move, together."""
    if len(found) < 2:
        return found[0] if found else None
    one, two = found
    if one.colouring == two.colouring:
        values = one.jet.values + two.jet.values
        return dataclasses.replace(one, jet=dataclasses.replace(one.jet, values=values))
    values = torch.cat([one.jet.values, two.jet.values])
    jet = Jet(tuple(range(len(values))), (), values)
    return Coloured(together(one.colouring, two.colouring), jet, one.axis)


def _is_told(operand: Operand) -> bool:
    """Whether a layer says an operand's slopes: of parameters that only layers use."""
    return operand.name is not None and not operand.apart


def _tell(
    own: list[tuple[Operand, Jet, Tensor]],
    result: Jet,
    x: Jet | None,
    delta: Tensor,
    curvature: Curvature,
) -> None:
    """Tell the slopes of the parameters that only layers use: ⟨δ, what they alone move⟩."""
    told = [entry for entry in own if _is_told(entry[0])]
    ranks = union(*(jet.ranks for _, jet, _ in told))
    if len(told) == len(own) and not (x is not None and common(ranks, x.every)):
        moved = rows_of(result.ranks, result.matrix.first, ranks)
        curvature.slope(ranks, along(moved, delta.reshape(-1)))
        return
    for _, jet, values in told:
        first = values[len(jet.bent) :]
        adjoint = delta.sum_to_size(first.shape[1:])
        curvature.slope(jet.ranks, along(first.reshape(len(first), -1), adjoint.reshape(-1)))
