"""A stretch of calls gone through block by block of its samples.

Legend: B samples, k groups that have reached a value, j of them with a second derivative.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand
from gnlab.summaries.rules.calls import Call
from gnlab.summaries.samples.reach import reach_of
from gnlab.summaries.samples.stretches import Room, Stretch

MOST = 24 << 20
"""Bytes that a value's jets may take on a CPU before their samples are divided: they have to find
room in its cache, and the C library gives larger pieces of memory back at once, which have to be
cleared page by page when they are asked for again."""
ROWS = 128
"""Rows that a large matrix is multiplied with at least: to fetch it is to be the smaller part."""
ENTRIES = 2048
"""Entries of a value in a block at least, where to add to a large H̄ is to be the smaller part."""

Going = Callable[[Call, Curvature], None]
"""Makes the jets of a call's results, adds its curvature, and lets go of what is spent."""


def usual_room(device: torch.device) -> Room:
    """How far samples are divided on a device if there is memory for all.

    Args:
        device: The device; a GPU works best on all of them at once.

    Returns:
        How far.
    """
    return Room(MOST, ROWS, ENTRIES) if device.type == "cpu" else Room(math.inf)


def blocks(stretch: Stretch, room: Room) -> list[slice]:
    """The samples of a stretch whose jets go forward together.

    Args:
        stretch: The stretch; what it takes from before has its jets.
        room: How far they are divided.

    Returns:
        The ranges; one if the jets of all are small enough.
    """
    parts = stretch.parts({id(o): reach_of(o) for o in stretch.given()}, room)
    ends = [stretch.count * i // parts for i in range(parts + 1)]
    return [slice(*ends[i : i + 2]) for i in range(parts)]


def carry(stretch: Stretch, parts: list[slice], curvature: Curvature, go: Going) -> None:
    """Go through a stretch block by block.

    Args:
        stretch: The stretch.
        parts: The ranges of its samples.
        curvature: What to add to.
        go: Goes through a call.
    """
    if len(parts) == 1:
        for call in stretch.every:
            go(call, curvature)
        return
    spent = stretch.spent()
    for call in stretch.before:  # which may be the last to take what a block still has to
        go(dataclasses.replace(call, spent=[]), curvature)
    wanted = [o for call in stretch.calls for o in call.results if id(o) not in spent]
    for part in parts:
        block = _Block(stretch, part)
        for call in block.calls():
            go(call, curvature)
        for operand in wanted:
            block.hand_over(operand)
    for operand in spent.values():
        operand.carried = None


class _Block:
    """Some samples of a stretch.

    Args:
        stretch: The stretch.
        part: Which samples.
    """

    def __init__(self, stretch: Stretch, part: slice) -> None:
        self._stretch, self._part = stretch, part
        self._cut: dict[int, Operand] = {}
        self._from_outside: dict[tuple[int, Axis], Operand] = {}

    def calls(self) -> Iterator[Call]:
        """The calls, of these samples only; each once those before have been gone through.

        Yields:
            Call: A call.
        """
        results = self._stretch.results
        for call, needs in zip(self._stretch.calls, self._stretch.needs, strict=True):
            axis = results[id(call.results[0])]
            for operand in call.results:
                self._cut[id(operand)] = Operand(self._of(operand.value, axis))
            yield dataclasses.replace(
                call,
                whole=call,
                args=self._given(call.args, needs),
                kwargs=self._given(call.kwargs, needs),
                given=self._given(call.given, needs),
                results=[self._cut[id(operand)] for operand in call.results],
                delta=None if call.delta is None else self._of(call.delta, axis),
                kept=None if call.kept is None else self._of(call.kept, axis),
                spent=[self._cut[id(o)] for o in call.spent if id(o) in results],
            )

    def hand_over(self, operand: Operand) -> None:
        """Put the jet of a result's samples where the whole of it is to be.

        Args:
            operand: The result.
        """
        jet, axis = self._cut[id(operand)].carried, self._stretch.results[id(operand)]
        if jet is None:
            return
        if operand.carried is None:
            operand.carried = _like(jet, operand.value)
        for whole, part in zip(_rows(operand.jet), _rows(jet), strict=True):
            self._of(whole, axis, 1).copy_(part)

    def _given(self, given: Any, needs: Mapping[int, Axis]) -> Any:
        """Arguments, those that have to be cut of these samples only."""
        if isinstance(given, Operand):
            return self._operand(given, needs[id(given)]) if id(given) in needs else given
        if isinstance(given, Tensor):
            return self._of(given, needs[id(given)]) if id(given) in needs else given
        if isinstance(given, dict):
            return {key: self._given(value, needs) for key, value in given.items()}
        if isinstance(given, (tuple, list)):
            return type(given)([self._given(value, needs) for value in given])
        return given

    def _operand(self, operand: Operand, axis: Axis) -> Operand:
        """An operand's samples, with their jet."""
        if id(operand) in self._stretch.results:
            return self._cut[id(operand)]
        # One for all places that take it: who changes its jet in one changes it in all.
        known = self._from_outside.get((id(operand), axis))
        if known is None:
            known = self._from_outside[id(operand), axis] = self._cut_off(operand, axis)
        return known

    def _cut_off(self, operand: Operand, axis: Axis) -> Operand:
        """The samples of an operand that the stretch does not make, with their jet."""
        cut, jet = Operand(self._of(operand.value, axis)), operand.carried
        if jet is not None:
            own = jet.coloured
            if own is not None and own.axis.dim == axis.dim:  # units, not samples, are cut
                jet, own = jet.expanded(), None
            values = self._of(jet.values, axis, 1)
            if own is not None:
                rows = dataclasses.replace(own.jet, values=self._of(own.jet.values, axis, 1))
                own = dataclasses.replace(own, jet=rows)
            cut.carried = Jet(jet.ranks, jet.bent, values, own)
        return cut

    def _of(self, values: Tensor, axis: Axis, further: int = 0) -> Tensor:
        """These samples of some values, the cut that many dimensions further on."""
        begin, size = self._part.start, self._part.stop - self._part.start
        return values.narrow(axis.dim + further, begin * axis.times, size * axis.times)


def _like(jet: Jet, value: Tensor) -> Jet:
    """A jet with the same rows, of another value, not filled in yet."""
    values = jet.values.new_empty(len(jet.values), *value.shape)
    own = jet.coloured
    if own is not None:
        own = dataclasses.replace(own, jet=_like(own.jet, value))
    return Jet(jet.ranks, jet.bent, values, own)


def _rows(jet: Jet) -> list[Tensor]:
    """A jet's rows, and those of its colours."""
    return [jet.values] + ([] if jet.coloured is None else [jet.coloured.jet.values])
