"""Jets: a value's first and pure second derivatives along every group that has reached it.

With φ(η) = L(θ + U I η), a value v of the network carries Vˢ = ∂v/∂η_s and Vˢˢ = ∂²v/∂η_s². For
v = F(w₁, …) both go forward:

    Vˢ  = Σ_k ∂_kF·W_kˢ               Vˢˢ = Σ_k ∂_kF·W_kˢˢ + Σ_kl ∂²_klF[W_kˢ, W_lˢ]

A group that has not reached a value yet has no row in its jet, and a group of which a value is a
linear function has no second row: the jets of a network's first layers are short.

Legend: S groups (s, t; as ranks, their order of depth), k of them have reached a value.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gnlab.summaries.jets.ranks import (
    FEW,
    Ranks,
    common,
    index,
    others,
    places,
    side_by_side,
    union,
)

if TYPE_CHECKING:
    from gnlab.summaries.jets.coloured import Coloured


@dataclass(frozen=True, eq=False)
class Jet:
    """What a value carries forward.

    Attributes:
        ranks: The groups that have reached the value, k of them.
        bent: Those of them along which its second derivative is not zero, j of them.
        values: Vˢˢ of the bent ones, then Vˢ of all, [j + k, *shape].
        coloured: The derivatives along other groups, which own units of a layer.
    """

    ranks: Ranks
    bent: Ranks
    values: Tensor
    coloured: "Coloured | None" = None

    @functools.cached_property
    def first(self) -> Tensor:
        """Vˢ, [k, *shape]."""
        return self.values[len(self.bent) :] if self.bent else self.values

    @functools.cached_property
    def second(self) -> Tensor:
        """Vˢˢ, [j, *shape]."""
        return self.values[: len(self.bent)]

    @functools.cached_property
    def matrix(self) -> "Jet":
        """The same with each derivative as one row, [j + k, n]."""
        if self.values.dim() == 2:
            return self
        return Jet(self.ranks, self.bent, self.values.reshape(len(self.values), -1))

    @property
    def every(self) -> Ranks:
        """All groups that have reached the value."""
        return (
            self.ranks
            if self.coloured is None
            else union(self.ranks, self.coloured.colouring.ranks)
        )

    def expanded(self, ranks: Ranks | None = None) -> "Jet":
        """The same with rows for each group, or for some at least."""
        own = self.coloured
        if own is None:
            return self
        every = own.colouring.ranks
        some = every if ranks is None else common(every, ranks)
        if not some:
            return self
        plain, rest = Jet(self.ranks, self.bent, self.values), others(every, some)
        rows = sum_of([plain, own.of(some).expanded()], self.values.shape[1:])
        return Jet(rows.ranks, rows.bent, rows.values, own.of(rest) if rest else None)

    def linear(self, f: Callable[[Tensor], Tensor]) -> "Jet":
        """The jet of a linear function of the value.

        Args:
            f: The function of many values at once, [n, *shape] -> [n, *new shape].

        Returns:
            The jet; f is called once.
        """
        return Jet(self.ranks, self.bent, f(self.values))

    def scaled(self, factor: Tensor) -> "Jet":
        """The jet of the value times a constant."""
        coloured = None if self.coloured is None else self.coloured.scaled(factor)
        return Jet(self.ranks, self.bent, self.values * factor, coloured)


class Operand:
    """A value that depends on the parameters.

    Args:
        value: The value, without a graph.
        name: The parameter's name if it is one.
        carried: Its jet.

    Attributes:
        value: The value.
        name: The parameter's name if it is one.
        apart: Whether a parameter is used by anything but layers.
        version: How often the value has been overwritten.
        carried: Its jet, as long as an operation to come needs it.
    """

    __slots__ = ("apart", "carried", "name", "value", "version")

    def __init__(
        self, value: Tensor, name: str | None = None, *, carried: Jet | None = None
    ) -> None:
        self.value, self.name, self.carried = value, name, carried
        self.apart = False
        self.version = value._version

    @property
    def jet(self) -> Jet:
        """Its jet, while there is one."""
        assert self.carried is not None
        return self.carried


class Assembly:
    """A jet that is put together from the rows of several, those of the same group added up.

    Args:
        ranks: The groups of the whole.
        bent: Those with a second derivative.
        shape: The value's shape.
        like: A tensor of the dtype and device.
    """

    def __init__(self, ranks: Ranks, bent: Ranks, shape: Sequence[int], like: Tensor) -> None:
        self._jet = Jet(ranks, bent, like.new_empty(len(bent) + len(ranks), *shape))
        self._empty = set(range(len(bent) + len(ranks)))

    def add(self, ranks: Ranks, bent: Ranks, make: Callable[[Tensor | None], Tensor]) -> Tensor:
        """Add the rows of a jet.

        Args:
            ranks: Its groups.
            bent: Those with a second derivative.
            make: Makes the rows, [j + k, *shape] or what broadcasts to it; in the place that it
                is given, if it is given one.

        Returns:
            The rows as they were made.
        """
        values = self._jet.values
        runs = _runs(self._jet.ranks, self._jet.bent, ranks, bent)
        rows = [at for run in runs for at in range(run.start, run.stop)]
        new = self._empty.intersection(rows)
        if len(new) == len(rows) and len(runs) == 1:
            target = values[runs[0]]
            made = make(target)
            if made.data_ptr() != target.data_ptr():
                target.copy_(made)
        else:
            made = make(None)
            self._put(runs, made.expand(len(rows), *values.shape[1:]), new)
        self._empty -= new
        return made

    def _put(self, runs: tuple[slice, ...], made: Tensor, new: set[int]) -> None:
        """Add rows to those side by side, or put them where nothing has been added yet."""
        values, begin = self._jet.values, 0
        if len(runs) > FEW:
            self._clear(new)
            rows = tuple(at for run in runs for at in range(run.start, run.stop))
            values.index_add_(0, index(rows, values.device), made)
            return
        for run in runs:
            own = made[begin : begin + run.stop - run.start]
            begin += len(own)
            empty = new.intersection(range(run.start, run.stop))
            if len(empty) == len(own):
                values[run].copy_(own)
                continue
            self._clear(empty)
            values[run].add_(own)

    def finish(self) -> Jet:
        """The jet; rows that nothing was added to are zero."""
        if self._empty:
            self._clear(self._empty)
        return self._jet

    def _clear(self, rows: set[int]) -> None:
        """Set rows to zero; a number that is assigned to them would be sent to the device."""
        values, runs = self._jet.values, side_by_side(tuple(sorted(rows)))
        if len(runs) > FEW:
            values.index_fill_(0, index(tuple(sorted(rows)), values.device), 0)
            return
        for run in runs:
            values[run].zero_()


def sum_of(jets: Sequence[Jet | None], shape: Sequence[int]) -> Jet:
    """The jet of a sum.

    Args:
        jets: The jets of the terms; None for a constant. Their values broadcast to ``shape``.
        shape: The sum's shape.

    Returns:
        The sum's jet.
    """
    given = [jet for jet in jets if jet is not None]
    if len(given) == 1 and given[0].values.shape[1:] == torch.Size(shape):
        return given[0]
    if len(given) == 2 and given[0].ranks == given[1].ranks and given[0].bent == given[1].bent:
        total = given[0].values + given[1].values
        return Jet(given[0].ranks, given[0].bent, total.expand(len(total), *shape))
    ranks = union(*(jet.ranks for jet in given))
    bent = union(*(jet.bent for jet in given))
    result = Assembly(ranks, bent, shape, given[0].values)
    for jet in given:
        result.add(jet.ranks, jet.bent, _made(jet.values))
    return result.finish()


def _made(values: Tensor) -> Callable[[Tensor | None], Tensor]:
    """What makes rows that there are already."""
    return lambda _: values


def put(place: Tensor, whole: Jet, jet: Jet) -> None:
    """Write a jet's rows into a part of another's memory.

    Args:
        place: The part, [j + k of the whole, ...].
        whole: The other jet, which has all groups of this one.
        jet: The jet.
    """
    runs, begin = _runs(whole.ranks, whole.bent, jet.ranks, jet.bent), 0
    if len(runs) > FEW:
        rows = tuple(at for run in runs for at in range(run.start, run.stop))
        place.index_copy_(0, index(rows, place.device), jet.values)
        return
    for run in runs:
        place[run].copy_(jet.values[begin : begin + run.stop - run.start])
        begin += run.stop - run.start


def rows_of(ranks: Ranks, values: Tensor, wanted: Ranks) -> Tensor:
    """The rows of some groups.

    Args:
        ranks: The groups that the rows are of, k of them.
        values: The rows, [k, ...].
        wanted: The groups wanted.

    Returns:
        Their rows; a view where they lie side by side.
    """
    if wanted == ranks:
        return values
    place = places(ranks, wanted)
    if isinstance(place, slice):
        return values[place]
    return values[index(place, values.device)]


@functools.lru_cache(maxsize=4096)
def _runs(ranks: Ranks, bent: Ranks, own: Ranks, own_bent: Ranks) -> tuple[slice, ...]:
    """Which rows of a jet are those of another, in its order: runs of rows side by side."""
    of_bent = {rank: i for i, rank in enumerate(bent)}
    of_first = {rank: len(bent) + i for i, rank in enumerate(ranks)}
    return side_by_side(tuple(of_bent[r] for r in own_bent) + tuple(of_first[r] for r in own))
