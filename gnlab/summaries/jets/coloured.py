"""The derivatives along groups that own units of a layer, in a row for each colour.

What is done to every unit on its own, an activation, a pooling, another shape, is done to a few
rows in place of two for each group; groups of the same colour have no curvature with each other.
Where units are mixed, by the next layer as a rule, each group gets rows of its own.

Legend: m groups in q colours, k other groups that have reached the value; units of the layer.
"""

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.jets.colours import Colouring
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet
from gnlab.summaries.jets.ranks import Ranks, index

_BLOCK = 1 << 18  # numbers that are made at once of what is summed up at once: they stay in cache
_FEW = 2  # colours whose products by unit are quicker than a product of matrices for each unit


@dataclass(frozen=True, slots=True, eq=False)
class Coloured:
    """A jet with a row for each colour.

    Attributes:
        colouring: The groups.
        jet: The rows; its ranks are the colours.
        axis: Where the value has its units.
    """

    colouring: Colouring
    jet: Jet
    axis: Axis

    @property
    def bent(self) -> Ranks:
        """The groups with a second derivative: all or none."""
        return self.colouring.ranks if self.jet.bent else ()

    @property
    def slopes(self) -> "Coloured":
        """The first derivatives alone."""
        q = range(len(self.jet.ranks))
        return dataclasses.replace(self, jet=Jet(tuple(q), (), self.jet.first))

    @property
    def bends(self) -> "Coloured":
        """The second derivatives alone, as if they were first ones."""
        q = range(len(self.jet.ranks))
        return dataclasses.replace(self, jet=Jet(tuple(q), (), self.jet.second))

    def scaled(self, factor: Tensor) -> "Coloured":
        """The same times a constant."""
        return dataclasses.replace(self, jet=self.jet.scaled(factor))

    def of(self, ranks: Ranks) -> "Coloured":
        """The same along some of the groups."""
        colouring = self.colouring.of(ranks)
        if colouring is self.colouring:
            return self
        rows = self._owned(self.jet.values, colouring.has_owner(self.jet.values.device))
        return Coloured(colouring, dataclasses.replace(self.jet, values=rows), self.axis)

    def _owned(self, rows: Tensor, owned: Tensor) -> Tensor:
        """Rows by colour, of each the units that are owned; the others are zero."""
        parts, axis, shape = len(rows) // len(owned), self.axis, rows.shape[1:]
        mask = owned.to(rows.dtype).repeat_interleave(axis.times, 1).repeat(parts, 1)
        around = [1] * axis.dim, [1] * (len(shape) - axis.dim - 1)
        return rows * mask.reshape(len(rows), *around[0], -1, *around[1])

    def expanded(self) -> Jet:
        """The same with rows for each group."""
        values, q = self.jet.values, len(self.jet.ranks)
        parts = len(values) // q
        colours = [owned.colour for owned in self.colouring.owned.values()]
        rows = index(tuple(i * q + c for i in range(parts) for c in colours), values.device)
        found = self._owned(values.index_select(0, rows), self.colouring.owns(values.device))
        return Jet(self.colouring.ranks, self.bent, found)

    def by_unit(self, values: Tensor) -> Tensor:
        """Values with the units' dimension apart from those before and behind it.

        Args:
            values: Values, [n, *shape].

        Returns:
            The values, [n, a, units, b].
        """
        shape, dim = values.shape[1:], self.axis.dim
        behind = self.axis.times * math.prod(shape[dim + 1 :])
        return values.reshape(len(values), math.prod(shape[:dim]), self.colouring.units, behind)

    def summed(self, values: Tensor) -> Tensor:
        """Sums over each group's units of rows by colour, [q, *shape] -> [m]."""
        return self.colouring.by_group(self.by_unit(values).sum((1, 3))[None])[0]

    def crossed(self, rows: Tensor, weighted: Tensor) -> Tensor:
        """Products of rows with the derivative along each group.

        Args:
            rows: The rows, [k, *shape].
            weighted: Numbers by colour, each group's are on its units, [q, *shape].

        Returns:
            The products, [k, m].
        """
        return self.colouring.by_group(_products(self.by_unit(rows), self.by_unit(weighted)))

    def among(self, weighted: Tensor, curvature: Curvature) -> None:
        """Add to H̄ the products of these derivatives, weighted, with each other.

        Args:
            weighted: The rows times a weight for each entry, [q, *shape].
            curvature: What to add to.
        """
        first = self.by_unit(self.jet.first)
        products = _products(self.by_unit(weighted), first)  # [q, q, units]
        # What nobody owns is zero, and may be added anywhere.
        ranks = self.colouring.numbers(weighted.device).clamp(min=0)
        row, column = ranks[:, None].expand_as(products), ranks.expand_as(products)
        curvature.scattered(row, column, products)


def _products(rows: Tensor, weighted: Tensor) -> Tensor:
    """Products of rows by unit, [k, a, units, b], [q, a, units, b] -> [k, q, units]."""
    if len(weighted) > _FEW:
        return torch.einsum("kaub,qaub->kqu", rows, weighted)
    each = rows.numel() // max(len(rows), 1) or 1
    step = max(1, _BLOCK // each) if rows.device.type == "cpu" else max(len(rows), 1)
    sums = [
        torch.stack([(some * weight).sum((1, 3)) for weight in weighted], 1)
        for some in torch.split(rows, step)
    ]
    return sums[0] if len(sums) == 1 else torch.cat(sums)
