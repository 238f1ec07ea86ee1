"""A layer y = W x + b, as its rule needs it.

Legend: a value of the layer is at (a, i, b): unit i, and whatever comes before and after it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.jets.coloured import Coloured
from gnlab.summaries.jets.jet import Jet
from gnlab.summaries.jets.owned import Owning, Pieces, Spread

_PADDED = 4  # times as many units as there are: so many may be multiplied for groups unlike in size


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """A layer's products with each group's own units alone.

    Attributes:
        dim: The dimension of the input that has its units.
        several: Whether several entries of it may belong to one unit.
        forward: (x's first or second derivatives, W, out) -> W x along each group, [m, *y]; in
            ``out`` if given.
        back: (δ in rows of colours of y's units, W) -> Wᵀ δ of each group's units, [m, *x].
    """

    dim: int
    several: bool
    forward: Callable[[Coloured, Tensor, Tensor | None], Tensor]
    back: Callable[[Coloured, Tensor], Tensor]


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
        units: Where y has the units that the rows of W make; None if they make none, as a
            transposed convolution's.
        factors: What each weight of a unit's row is multiplied by, many inputs [n, *x] ->
            [n, a, j, b]; None where that differs from unit to unit.
        apart: Its products with a few units; None where units are not multiplied on their own.
    """

    x: Any
    weight: Any
    bias: Any
    forward: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]
    bias_shape: tuple[int, ...]
    units: Axis | None = None
    factors: Callable[[Tensor], Tensor] | None = None
    apart: Apart | None = None

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
            return self._moved_by_pieces(x, weight).reshape(-1, *shape)
        if not isinstance(weight, Spread) or self.units is None:
            return self.each(x, weight.values, out)
        owns = weight.owns.reshape(-1, *self.bias_shape)
        return torch.mul(self.forward(x, weight.u, None), owns, out=out)

    def moved_together(self, x: Tensor, weight: Owning, shape: torch.Size) -> Tensor:
        """The same in a row for each colour, [q, *shape]."""
        if isinstance(weight, Pieces):
            moved = self._pieces_of(x, weight)  # [m, a, b]
            padded = torch.cat([moved, moved.new_zeros(1, *moved.shape[1:])])
            rows = padded.index_select(0, weight.colouring.places(x.device))
            rows = rows.reshape(-1, weight.colouring.units, *moved.shape[1:])
            return rows.transpose(1, 2).reshape(-1, *shape)
        return self._of_owners(self.forward(x, weight.u, None), weight)

    def shifted_together(self, bias: Owning, shape: torch.Size) -> Tensor:
        """What the groups that own a part of the bias move, in a row, [1, *shape]."""
        shift = bias.u.reshape(1, *self.bias_shape)
        return self._of_owners(shift, bias).expand(1, *shape)

    def takes(self, x: Coloured) -> bool:
        """Whether an input's groups need no rows of their own before this layer."""
        colouring = x.colouring
        apart, axis = self.apart, x.axis
        if apart is None or axis.dim != apart.dim or (axis.times > 1 and not apart.several):
            return False
        multiplied = len(colouring.ranks) * colouring.longest
        return multiplied <= _PADDED * len(colouring.owner) * colouring.units

    def _of_owners(self, values: Tensor, own: Owning) -> Tensor:
        """Values on those units that somebody owns, zero elsewhere."""
        if own.colouring.complete:
            return values
        owned = own.colouring.has_owner(values.device)[0].to(values.dtype)
        return values * owned.reshape(1, *self.bias_shape)

    def _pieces_of(self, x: Tensor, weight: Pieces) -> Tensor:
        """U_i x of each group at its own unit, [m, a, b]."""
        assert self.factors is not None
        return torch.einsum("kj,ajb->kab", weight.pieces, self.factors(x)[0])

    def _moved_by_pieces(self, x: Tensor, weight: Pieces) -> Tensor:
        """U_i x of each group, [m, a, i, b]."""
        moved = self._pieces_of(x, weight)
        k, a, b = moved.shape
        y = moved.new_zeros(k, a, len(weight.u), b)
        place = weight.unit[:, None, None, None].expand(k, a, 1, b)
        return y.scatter_(2, place, moved[:, :, None])
