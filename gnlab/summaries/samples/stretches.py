"""The operations in stretches, each of which keeps its samples apart.

Legend: B samples of a stretch.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.jets.jet import Operand
from gnlab.summaries.rules.calls import Call, value_of
from gnlab.summaries.samples.cuts import needs, tensors
from gnlab.summaries.samples.reach import Reach, reach_after
from gnlab.summaries.samples.temporaries import temporary_bytes

_LARGE = 1 << 20  # bytes of a matrix that is fetched from memory for every product
_MANY = 512  # groups of which H̄ is as large


@dataclass(frozen=True, slots=True)
class Room:
    """How far samples are divided.

    Attributes:
        size: Bytes that a value's jets may take, with a rule's own where these are more; ∞ for no
            division.
        rows: Rows that a large matrix is multiplied with at least.
        entries: Entries of the largest value, at least, where H̄ is large and added to each time.
    """

    size: float
    rows: int = 1
    entries: int = 1


@dataclass(slots=True, eq=False)
class Stretch:
    """Calls that follow each other.

    Attributes:
        count: B, the samples that they keep apart; 1 if they do not.
        every: All of them, in their order.
        before: Those that take nothing of what the stretch makes, and are gone through once.
        calls: The others.
        needs: Where each of these has its arguments cut, by their ids.
        results: Where their results are cut, by their ids.
    """

    count: int = 1
    every: list[Call] = field(default_factory=list)
    before: list[Call] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    needs: list[Mapping[int, Axis]] = field(default_factory=list)
    results: dict[int, Axis] = field(default_factory=dict)

    def take(self, call: Call, of_parameters: set[int]) -> bool:
        """Take the call that comes next, if it keeps the same samples apart.

        Args:
            call: The call.
            of_parameters: The operands that are made of parameters alone, by id.

        Returns:
            Whether it was taken.
        """
        inside = any(id(operand) in self.results for operand in call.given)
        if not inside and all(id(operand) in of_parameters for operand in call.results):
            self.put(call)
            return True
        for axis in self._axes(call):
            found = self._needs(call, axis)
            if found is not None:
                self._add(call, axis, found)
                return True
        if not inside and self.calls:
            self.put(call)
            return True
        return False

    def given(self) -> list[Operand]:
        """What its calls take."""
        return [operand for call in self.every for operand in call.given]

    def spent(self) -> dict[int, Operand]:
        """What is needed no more after it, by id; its calls are marked with that."""
        return {id(operand): operand for call in self.every for operand in call.spent}

    def parts(self, reached: Mapping[int, Reach], room: Room) -> int:
        """Into how many parts its samples are divided.

        A single call's result has to be whole anyway.

        Args:
            reached: The groups that have reached what its calls take, by id.
            room: How far samples are divided.

        Returns:
            The number.
        """
        if len(self.calls) < 2 or self.count < 2:
            return 1
        found = dict(reached)
        largest, entries = max((_taken(call, found), call.out.numel()) for call in self.every)
        most = min([self.count, *(n // room.rows for n in map(_rows, self.calls) if n)])
        together = max(1, int(min(self.count, room.size * self.count / max(largest, 1))))
        groups = max(map(len, found.values()), default=0)
        if groups > _MANY:
            most = min(most, entries // room.entries)
        return max(1, min(most, math.ceil(self.count / together)))

    def put(self, call: Call) -> None:
        """Take a call that is gone through once.

        Args:
            call: The call.
        """
        self.every.append(call)
        self.before.append(call)

    def _axes(self, call: Call) -> Iterator[Axis]:
        """Where the results of a call could be cut."""
        for dim, size in enumerate(call.out.shape):
            if self.calls and size and size % self.count == 0:
                yield Axis(dim, size // self.count)
            elif not self.calls and size > 1:
                yield Axis(dim, 1)

    def _needs(self, call: Call, axis: Axis) -> dict[int, Axis] | None:
        """Where the arguments have to be cut, if that is where they are."""
        cuts = needs(call, axis) or []
        found = {id(tensor): own for tensor, own in cuts}
        # What has to be cut in one place and whole, or cut otherwise, in another, cannot be.
        places = [id(t) for t in tensors((call.args, call.kwargs)) if id(t) in found]
        if not found or len(places) != len(cuts) or any(found[id(t)] != own for t, own in cuts):
            return None
        inside = {id(operand): self.results.get(id(operand)) for operand in call.given}
        same = all(found.get(key) == own for key, own in inside.items() if own is not None)
        return found if same else None

    def _add(self, call: Call, axis: Axis, found: dict[int, Axis]) -> None:
        """Take a call."""
        if not self.calls:
            self.count = call.out.shape[axis.dim]
        self.every.append(call)
        self.calls.append(call)
        self.needs.append(found)
        for operand in call.results:
            self.results[id(operand)] = axis


def _rows(call: Call) -> int:
    """The rows that a call multiplies with a large matrix; 0 if it does not."""
    if call.name != "linear":
        return 0
    weight = value_of(call.named("input", "weight")["weight"])
    return call.out[..., 0].numel() if weight.nbytes >= _LARGE else 0


def _taken(call: Call, reached: dict[int, Reach]) -> float:
    """The bytes of a result's jets, and of what the rule takes meanwhile where that is more."""
    jets = jet_bytes(call, reached)
    own = temporary_bytes(call, 2 * len(reached[id(call.results[0])]))
    return jets + own if own > jets else jets


def jet_bytes(call: Call, reached: dict[int, Reach]) -> int:
    """The bytes of the jets of one of a call's results, at most.

    Args:
        call: The call.
        reached: The groups that have reached each value, by id; takes those of the results.

    Returns:
        An estimate from above: every group is taken to have a second derivative.
    """
    after = reach_after(call, reached)
    for operand in call.results:
        reached[id(operand)] = after
    value = call.out
    return 2 * len(after) * value.numel() * value.element_size()


def stretches(calls: Sequence[Call]) -> list[Stretch]:
    """Divide the calls of a loss into stretches.

    Args:
        calls: The calls, in their order.

    Returns:
        The stretches; a call that keeps no samples apart is one of its own.
    """
    found = [Stretch()]
    of_parameters = _of_parameters(calls)
    for call in calls:
        if found[-1].take(call, of_parameters):
            continue
        if found[-1].every:
            found.append(Stretch())
        if not found[-1].take(call, of_parameters):
            found[-1].put(call)
            found.append(Stretch())
    return [stretch for stretch in found if stretch.every]


def _of_parameters(calls: Sequence[Call]) -> set[int]:
    """The results that are made of parameters alone, by id."""
    made = {id(operand) for call in calls for operand in call.results}
    found: set[int] = set()
    for call in calls:
        given: list[Any] = list(tensors((call.args, call.kwargs)))
        if all(
            isinstance(one, Operand) and (id(one) in found or id(one) not in made) for one in given
        ):
            found.update(id(operand) for operand in call.results)
    return found
