"""Jets of parameters whose groups own parts of them: units, or pieces of a unit's row.

Written out for each group, such a jet would be as many numbers as the parameter has, for every
group, nearly all of them zero. A layer's rule asks for what the groups share instead.

Legend: k groups, S in all; m elements in a unit's row.
"""

import abc
import functools

from torch import Tensor

from gnlab.summaries.jets.colours import Colouring
from gnlab.summaries.jets.jet import Jet
from gnlab.summaries.jets.ranks import Ranks, common, index


class Owning(Jet, abc.ABC):
    """The jet of a parameter whose groups own units of it, or parts of them.

    Args:
        u: The direction, [units, ...].
        colouring: Which group owns which unit.
    """

    def __init__(self, u: Tensor, colouring: Colouring) -> None:
        given = {"ranks": colouring.ranks, "bent": (), "u": u, "colouring": colouring}
        for name, value in given.items():
            object.__setattr__(self, name, value)

    u: Tensor
    colouring: Colouring

    def of(self, ranks: Ranks) -> "Owning | None":
        """The same along some of the groups; None for none of them."""
        if not common(self.ranks, ranks):
            return None
        colouring = self.colouring.of(ranks)
        return self if colouring is self.colouring else self._of(colouring)

    @abc.abstractmethod
    def _of(self, colouring: Colouring) -> "Owning":
        """The same with other groups."""


class Spread(Owning):
    """The jet of a parameter whose groups own slices of it, each some of its units.

    In a layer all of them share one product. Only where something else takes the parameter is
    each written out, with zeros in place of what the others own.
    """

    @functools.cached_property
    def values(self) -> Tensor:
        """Vˢ of all, [k, units, ...]."""
        return self.u * self.owns.reshape(*self.owns.shape, *[1] * (self.u.dim() - 1))

    @functools.cached_property
    def owns(self) -> Tensor:
        """1 where a group owns a unit, 0 elsewhere, [k, units]."""
        return self.colouring.owns(self.u.device).to(self.u.dtype)

    def _of(self, colouring: Colouring) -> "Spread":
        return Spread(self.u, colouring)


class Pieces(Owning):
    """The jet of a parameter whose groups own pieces of its units' rows, down to single elements.

    A group moves one unit only, so a layer never needs the direction written out for each group:
    that would be as many numbers as the parameter has, for every group.

    Args:
        u: The direction, [units, ...]; m elements in each unit's row.
        colouring: Which group owns a part of which unit.
        owner: The rank of each element, [units, ...].
        size: S.
    """

    def __init__(self, u: Tensor, colouring: Colouring, owner: Tensor, size: int) -> None:
        super().__init__(u, colouring)
        object.__setattr__(self, "owner", owner)
        object.__setattr__(self, "size", size)

    owner: Tensor
    size: int

    @functools.cached_property
    def values(self) -> Tensor:
        """Vˢ of all, [k, units, ...]."""
        each = index(self.ranks, self.u.device).reshape(-1, *[1] * self.u.dim())
        return self.u.where(self.owner == each, 0)

    @functools.cached_property
    def places(self) -> Tensor:
        """Where each element's group stands among the ranks, k if it does not, [units, m]."""
        device, k = self.u.device, len(self.ranks)
        table = self.owner.new_full((self.size,), k)
        table.index_copy_(0, index(self.ranks, device), index(tuple(range(k)), device))
        return table[self.owner].reshape(len(self.u), -1)

    @functools.cached_property
    def unit(self) -> Tensor:
        """The unit of each group, [k]."""
        units = tuple(owned.units[0] for owned in self.colouring.owned.values())
        return index(units, self.u.device)

    @functools.cached_property
    def pieces(self) -> Tensor:
        """U of each group on its unit's row, [k, m]."""
        rows = self.u.reshape(self.places.shape)
        return rows.new_zeros(len(self.ranks) + 1, rows.shape[1]).scatter_(0, self.places, rows)[
            :-1
        ]

    def gathered(self, values: Tensor) -> Tensor:
        """Sums over each group's elements of values times the direction.

        Args:
            values: By element, [n, units, m].

        Returns:
            The sums, [n, k].
        """
        n, k = len(values), len(self.ranks)
        weighted = (values * self.u.reshape(self.places.shape)).reshape(n, -1)
        sums = weighted.new_zeros(n, k + 1)
        return sums.index_add_(1, self.places.reshape(-1), weighted)[:, :k]

    def _of(self, colouring: Colouring) -> "Pieces":
        return Pieces(self.u, colouring, self.owner, self.size)
