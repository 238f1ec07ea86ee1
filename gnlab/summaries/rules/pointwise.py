"""Jets through an elementwise function σ.

    Vˢ → σ′Vˢ      Vˢˢ → σ′Vˢˢ + σ″(Vˢ)²
    H̄ ⟵ ⟨δσ″, VˢVᵗ⟩      D^(3)_sss ⟵ ⟨δσ‴, (Vˢ)³⟩ + 3⟨δσ″, VˢVˢˢ⟩

Legend: n elements, k groups that have reached the value, j of them with a second derivative.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries import fused
from gnlab.summaries.jets.coloured import Coloured
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet
from gnlab.summaries.jets.products import along
from gnlab.summaries.jets.ranks import FEW, index, meetings, places
from gnlab.summaries.rules import elementwise
from gnlab.summaries.rules.apart import nothing
from gnlab.summaries.rules.calls import Call, Rule

# A dozen operations go over the same entries. In blocks of this many for each core they find them
# in its cache (1 MiB or more), not in memory.
_BLOCK = 1 << 18

Derive = Callable[..., elementwise.Derivatives]
"""σ′, σ″ and σ‴ from some of x and of y = σ(x), and from what else there is for each of these."""


_SINGULAR: frozenset[elementwise.Rule] = frozenset(
    {elementwise.log, elementwise.log1p, elementwise.sqrt, elementwise.rsqrt}
    | {elementwise.reciprocal, elementwise.power}
)
"""The functions that have infinite derivatives somewhere."""


def pointwise(function: elementwise.Rule) -> Rule:
    """The rule of an elementwise function, given the function's derivatives."""

    def apply(call: Call, curvature: Curvature) -> Jet:
        x = call.only()
        options = {k: v for k, v in call.kwargs.items() if k not in ("inplace", "input")}
        if call.name in elementwise.STRAIGHT:
            slope = function(x.value, call.out, *call.args[1:], **options)[0]
            return x.jet.scaled(slope)
        each, rest = _for_each(x.value, call.args[1:])

        def derivatives(v: Tensor, y: Tensor, *given: Tensor) -> elementwise.Derivatives:
            return function(v, y, *given, *rest, **options)

        at = _At(x.value, call.out, call.delta, derivatives, each)
        if _is_singular(function, *call.args[1:], **options):
            at = at.where_moved(x.jet)
        made = _bent(call.name, at, x.jet, curvature)
        if x.jet.coloured is None:
            return made
        own = _coloured(at, x.jet, x.jet.coloured, curvature)
        return dataclasses.replace(made, coloured=own)

    return apply


def _for_each(x: Tensor, arguments: tuple[Any, ...]) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
    """What a function is given for each element (exponents), and its other arguments."""
    if arguments and isinstance(arguments[0], Tensor) and arguments[0].dim():
        return (arguments[0].expand(x.shape),), arguments[1:]
    return (), arguments


def _is_singular(function: elementwise.Rule, *arguments: Any, **options: Any) -> bool:
    """Whether a function has infinite derivatives somewhere; of powers those of no polynomial."""
    if function is elementwise.power:
        exponent = next(iter((*arguments, *options.values())), math.nan)
        return not (isinstance(exponent, (int, float)) and exponent in (0, 1, 2, 3, 4))
    return function in _SINGULAR


@dataclass(frozen=True, slots=True, eq=False)
class _At:
    """An elementwise function at its argument.

    Attributes:
        x: The argument.
        y: σ(x).
        delta: δ, if the function's curvature counts.
        derivatives: σ′, σ″ and σ‴ from some of x and of y.
        each: What else the function is given for each element.
    """

    x: Tensor
    y: Tensor
    delta: Tensor | None
    derivatives: Derive
    each: tuple[Tensor, ...] = ()

    def slopes(self, part: slice = slice(None)) -> elementwise.Derivatives:
        """σ′, σ″ and σ‴ at some elements, or at all."""
        given = [t if part == slice(None) else t[part] for t in (self.x, self.y, *self.each)]
        return self.derivatives(*given)

    @property
    def flat(self) -> "_At":
        """The same with its elements in one row, [n]."""
        delta = None if self.delta is None else self.delta.reshape(-1)
        each = tuple(t.reshape(-1) for t in self.each)
        return _At(self.x.reshape(-1), self.y.reshape(-1), delta, self.derivatives, each)

    def where_moved(self, jet: Jet) -> "_At":
        """The same but for the elements that no group moves, which are put at σ(1) = 1.

        Behind a unit that is dead, σ′ may be infinite; nothing of it comes back from there.
        """
        rows = [jet.values] if jet.coloured is None else [jet.values, jet.coloured.jet.values]
        moved = torch.stack([(each != 0).any(0) for each in rows]).any(0)
        delta = None if self.delta is None else self.delta.where(moved, 0)
        x, y = self.x.where(moved, 1), self.y.where(moved, 1)
        return dataclasses.replace(self, x=x, y=y, delta=delta)


def _coloured(at: _At, jet: Jet, own: Coloured, curvature: Curvature) -> Coloured:
    """The rows of σ(x)'s jet that groups of the same colour share, and what they add.

    Args:
        at: The function.
        jet: The argument's jet.
        own: Its rows of colours.
        curvature: What to add to.

    Returns:
        The rows.
    """
    (one, two, three), (v, w) = at.slopes(), (own.jet.first, own.jet.second)
    if two is None:
        return own.scaled(one)
    if at.delta is not None:
        pulled = v * (at.delta * two)
        own.among(pulled, curvature)
        if jet.ranks:
            curvature.between(jet.ranks, own.colouring.ranks, own.crossed(jet.first, pulled))
        pure = 3 * pulled * w if len(w) else torch.zeros_like(v)
        if three is not None:
            pure.addcmul_(v * v * v, at.delta * three)
        curvature.pure(own.colouring.ranks, own.summed(pure))
    bend = v * v * two
    if len(w):
        bend.addcmul_(w, one)
    colours = own.jet.ranks
    rows = Jet(colours, colours, torch.cat([bend, v * one]))
    return dataclasses.replace(own, jet=rows)


def _bent(name: str, at: _At, jet: Jet, curvature: Curvature) -> Jet:
    """The jet of σ(x) and its curvature, of groups with rows of their own."""
    if not jet.ranks:
        return nothing(at.x.shape, at.x)
    values = _in_one_pass(name.rstrip("_"), at.flat, jet.matrix, curvature)
    if values is None:
        values = _in_blocks(at.flat, jet.matrix, curvature)
    return Jet(jet.ranks, jet.ranks, values.reshape(-1, *at.x.shape))


def _in_one_pass(name: str, at: _At, jet: Jet, curvature: Curvature) -> Tensor | None:
    """The rows of σ(x)'s jet, and its curvature, as a GPU has them at once; None where not."""
    place = places(jet.ranks, jet.bent)
    if not isinstance(place, slice) or not fused.fits(jet.values, at.y):
        return None
    slopes = (at.y,) if name in fused.KINDS else at.slopes()
    given = [slope for slope in slopes if slope is not None]
    if len(given) < len(slopes):
        return None
    found = fused.bend(name if name in fused.KINDS else "", given, at.delta, jet.values, place)
    if at.delta is not None:
        curvature.pure(jet.ranks, found.pure, 1, found.whole)
        if found.pulled.numel():
            curvature.weighted(jet.ranks, found.pulled, jet.first)
        else:
            curvature.within(jet.ranks, found.pairs, found.whole)
    return found.values


def _in_blocks(at: _At, jet: Jet, curvature: Curvature) -> Tensor:
    """The rows of σ(x)'s jet, and its curvature, block by block of the elements."""
    rows, k = jet.values, len(jet.ranks)
    out = rows.new_empty(2 * k, at.x.numel())
    blocks = list(_blocks(at.x.numel(), k, at.x.device))
    for part in blocks:
        here = out if len(blocks) == 1 else out[:, part]
        both = rows if len(blocks) == 1 else rows[:, part]
        v, w = both[len(jet.bent) :], both[: len(jet.bent)]
        one, two, three = at.slopes(part)
        squares = v * v
        torch.mul(v, one, out=here[k:])
        _second(jet, here[:k], squares, w, one, two)
        if at.delta is not None:
            _curve(jet, both, squares, two, three, at.delta[part], curvature)
    return out


def _second(
    jet: Jet, out: Tensor, squares: Tensor, w: Tensor, one: Tensor, two: Tensor | None
) -> None:
    """σ′Vˢˢ + σ″(Vˢ)² into its place."""
    if two is None:
        out.zero_()
    else:
        torch.mul(squares, two, out=out)
    runs = meetings(jet.ranks, jet.bent)
    if len(runs) > FEW:
        rows = tuple(at for place, _ in runs for at in range(place.start, place.stop))
        out.index_add_(0, index(rows, w.device), w * one)
        return
    for place, own in runs:
        out[place].addcmul_(w[own], one)


def _curve(
    jet: Jet,
    rows: Tensor,
    squares: Tensor,
    two: Tensor | None,
    three: Tensor | None,
    delta: Tensor,
    curvature: Curvature,
) -> None:
    """Add ⟨δσ″, VˢVᵗ⟩, ⟨δσ‴, (Vˢ)³⟩ and 3⟨δσ″, VˢVˢˢ⟩; overwrites the squares."""
    if two is None:
        return
    v = rows[len(jet.bent) :]
    curvature.bent(jet, v * (delta * two), rows)
    if three is not None:
        curvature.pure(jet.ranks, along(squares.mul_(v), delta * three))


def _blocks(n: int, k: int, device: torch.device) -> Iterator[slice]:
    """The elements in blocks that k rows of fit into the cores' caches; all at once on a GPU."""
    each = _BLOCK * torch.get_num_threads()
    widest = max(each // max(k, 1), 2048) if device.type == "cpu" else n
    count = -(-n // max(widest, 1))
    for i in range(count):
        yield slice(i * n // count, (i + 1) * n // count)
