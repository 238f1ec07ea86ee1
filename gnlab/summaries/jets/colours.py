"""Groups that own units of a layer, and the colours in which their derivatives share a row.

The values that a layer makes differ, along a group that owns some of its units, in these units
only. So the derivatives along many such groups do not overlap, and fit into one row of a jet: as in
the colouring of a graph, groups of the same colour share nothing. For the units of a weight, one
colour is enough; for the pieces of a unit's row there are as many as a unit has pieces.

Legend: m groups in q colours, units of a layer.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from gnlab.summaries.jets.ranks import Ranks, index, others

NOBODY = -1
"""In the place of a rank: no group owns a unit in some colour."""


@dataclass(frozen=True, slots=True, eq=False)
class Owned:
    """What a group owns.

    Attributes:
        colour: In which colour.
        units: Its units, in ascending order.
    """

    colour: int
    units: tuple[int, ...]


@dataclass(frozen=True)
class Colouring:
    """Which group owns which unit in which colour; each group has one colour.

    Attributes:
        owner: The rank that owns each unit, −1 for none, q times [units].
    """

    owner: tuple[tuple[int, ...], ...]

    def __hash__(self) -> int:
        """The entries' hash, kept: there are as many as a parameter may have elements."""
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self.owner)

    @functools.cached_property
    def owned(self) -> dict[int, Owned]:
        """What each group owns, by rank, in ascending order."""
        found: dict[int, tuple[int, list[int]]] = {}
        for colour, owner in enumerate(self.owner):
            for unit, rank in enumerate(owner):
                if rank != NOBODY:
                    found.setdefault(rank, (colour, []))[1].append(unit)
        return {r: Owned(c, tuple(units)) for r, (c, units) in sorted(found.items())}

    @functools.cached_property
    def ranks(self) -> Ranks:
        """The groups, m of them."""
        return tuple(self.owned)

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.owner[0])

    @functools.cached_property
    def longest(self) -> int:
        """The most units that a group owns."""
        return max((len(owned.units) for owned in self.owned.values()), default=0)

    @functools.cached_property
    def _flat(self) -> tuple[int, ...]:
        """The rank that owns each unit, −1 for none, q·units of them."""
        return tuple(rank for owner in self.owner for rank in owner)

    def numbers(self, device: torch.device) -> Tensor:
        """The rank that owns each unit, −1 for none, [q, units]."""
        return index(self._flat, device).reshape(len(self.owner), -1)

    def colour_numbers(self, device: torch.device) -> Tensor:
        """The colour of each group, [m]."""
        return index(tuple(owned.colour for owned in self.owned.values()), device)

    def owns(self, device: torch.device) -> Tensor:
        """Whether a group owns a unit, [m, units]."""
        each = index(self.ranks, device)[:, None]
        return self.numbers(device).index_select(0, self.colour_numbers(device)) == each

    def by_group(self, sums: Tensor) -> Tensor:
        """Sums over each group's units of numbers by colour and unit, [n, q, units] -> [n, m]."""
        flat = sums.reshape(len(sums), -1)
        if self.longest == 1:
            at = tuple(o.colour * self.units + o.units[0] for o in self.owned.values())
            return flat.index_select(1, index(at, sums.device))
        m = len(self.ranks)
        found = flat.new_zeros(len(flat), m + 1)
        return found.index_add_(1, self.places(sums.device), flat)[:, :m]

    @functools.cached_property
    def complete(self) -> bool:
        """Whether every unit has an owner in every colour."""
        return all(NOBODY not in owner for owner in self.owner)

    def of(self, ranks: Ranks) -> "Colouring":
        """The same with some of the groups only."""
        gone = others(self.ranks, ranks)
        return _without(self, gone) if gone else self

    def has_owner(self, device: torch.device) -> Tensor:
        """Whether each unit has an owner in each colour, [q, units]."""
        return self.numbers(device) != NOBODY

    def places(self, device: torch.device) -> Tensor:
        """Where the owner of each unit stands among the groups, m for none, [q·units]."""
        return index(self._places, device)

    @functools.cached_property
    def _places(self) -> tuple[int, ...]:
        """Where the owner of each unit stands among the groups, m for none, q·units of them."""
        at = {rank: i for i, rank in enumerate(self.ranks)} | {NOBODY: len(self.ranks)}
        return tuple(at[rank] for rank in self._flat)


def by_units(owner: Tensor) -> Colouring:
    """The one colour of groups that own whole units.

    Args:
        owner: The rank of each unit, [units].

    Returns:
        The colouring.
    """
    return Colouring((tuple(owner.tolist()),))


def by_pieces(owner: Tensor) -> Colouring:
    """The colours of groups that own pieces of a unit's row, each of one unit.

    Args:
        owner: The rank of each element, [units, elements].

    Returns:
        The colouring.
    """
    rows = [sorted(set(row)) for row in owner.tolist()]
    count = max(map(len, rows), default=0)
    padded = [row + [NOBODY] * (count - len(row)) for row in rows]
    return Colouring(tuple(zip(*padded, strict=True)))


@functools.lru_cache(maxsize=64)
def _without(colouring: Colouring, ranks: Ranks) -> Colouring:
    """The same without some groups."""
    gone = frozenset(ranks)
    kept = tuple(
        tuple(NOBODY if rank in gone else rank for rank in owner) for owner in colouring.owner
    )
    return Colouring(kept)


@functools.lru_cache(maxsize=64)
def together(one: Colouring, two: Colouring) -> Colouring:
    """The colours of groups of one unit each or more, none of which is in both.

    Args:
        one: The first colours.
        two: Those that come after them.

    Returns:
        The colouring of all.
    """
    return Colouring(one.owner + two.owner)
