"""How jets go forward such that they fit into memory: a few samples at once, or a few groups.

Samples that the operations keep apart go one after the other at no extra work (``samples``). Where
that is not enough the groups go in chunks: H̄_st needs the jets of s and of t at the same time, so
every pair of chunks goes forward together; the adjoints are found once. With c chunks that is
c − 1 times the work of one pass, with 2/c of its memory. The answer does not depend on either.

Legend: S groups, c chunks.
"""

import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from gnlab.summaries.jets.ranks import Ranks
from gnlab.summaries.rules import Call
from gnlab.summaries.samples.blocks import usual_room
from gnlab.summaries.samples.reach import Reach
from gnlab.summaries.samples.stretches import Room, Stretch, jet_bytes, stretches
from gnlab.summaries.samples.temporaries import temporary_bytes

_SHARE = 0.5  # of the memory that is free; the rest is for what the operations need meanwhile
_ENTRY = 8  # bytes of an entry of H̄
_MATRICES = 3  # the loss's part of H̄, the model's, and their sum
_TIMES = 3.5  # the jets of all values, and a rule's own beside them
_SMALL = 64 * 2**20  # bytes that are there without looking
_ROOMS = (4, 16, 64, 256)  # the parts of a budget that the jets of one value are to fit into


@dataclass(frozen=True, slots=True)
class Plan:
    """How jets go forward.

    Attributes:
        chunks: The groups of each pass, such that every two of them are together in one.
        room: How far samples are divided.
        tight: Whether holes in the C library's heap, as large as the jets at most, would not fit.
    """

    chunks: Sequence[Ranks]
    room: Room
    tight: bool = False


def plan(
    calls: Sequence[Call],
    starting: Mapping[int, Reach],
    size: int,
    budget: float | None,
    device: torch.device,
) -> Plan:
    """Divide the samples and, where that is not enough, the groups such that the jets fit.

    Args:
        calls: The calls of the loss, each marked with what is spent after it.
        starting: The groups of each parameter, by the id of its operand.
        size: S.
        budget: Bytes that jets may take; None: half of what is free.
        device: Where they are to be.

    Returns:
        All groups in one pass if they fit, and in as few chunks as fit else (down to one group
        each, whether that fits or not).
    """
    everything, room = tuple(range(size)), usual_room(device)
    budget = free_memory(device) if budget is None else budget
    # H̄ and its like are there anyway: to go in smaller pieces would save nothing worth the time.
    budget = max(budget, _MATRICES * _ENTRY * size * size)
    if 2 * _TIMES * most_at_once(calls, size) <= budget:
        return Plan([everything], room)
    divided = stretches(calls)
    rooms = [room, *(Room(budget / n) for n in _ROOMS if budget / n < room.size)]
    for room in rooms:
        needed = most(divided, starting, everything, room)
        if needed <= budget:
            return Plan([everything], room, 2 * needed > budget)
    count = 3
    while True:
        chunks = [everything[i * size // count : (i + 1) * size // count] for i in range(count)]
        # Their union is kept by no cache: there are as many as their number squared.
        pairs = ((*one, *two) for one, two in itertools.combinations(chunks, 2))
        if count == size or all(most(divided, starting, pair, room) <= budget for pair in pairs):
            return Plan(
                [(*one, *two) for one, two in itertools.combinations(chunks, 2)], room, True
            )
        count = min(size, count + 1 + count // 8)


def fits_surely(calls: Sequence[Call], size: int, budget: float | None) -> bool:
    """Whether it takes no look at the memory, nor at what is spent when, to know that all fit.

    Args:
        calls: The calls.
        size: S.
        budget: Bytes that jets may take; None: half of what is free.

    Returns:
        Whether one pass does.
    """
    return size < 3 or (budget is None and most_at_once(calls, size) <= _SMALL)


def most_at_once(calls: Sequence[Call], size: int) -> float:
    """The bytes that the jets of all groups and all values would take together.

    Args:
        calls: The calls.
        size: S.

    Returns:
        An estimate from above.
    """
    values = [operand.value for call in calls for operand in call.results]
    return 2.0 * size * sum(value.numel() * value.element_size() for value in values)


def is_beyond(
    calls: Sequence[Call], starting: Callable[[], Mapping[int, Reach]], size: int, limit: float
) -> bool:
    """Whether the jets of all values and H̄ would take more memory than there may be.

    Args:
        calls: The calls.
        starting: Gives the groups of each parameter, by the id of its operand.
        size: S.
        limit: Bytes.

    Returns:
        Whether they would, each group with a second derivative.
    """
    matrices = _MATRICES * _ENTRY * size * size
    if most_at_once(calls, size) + matrices <= limit:
        return False
    reached = dict(starting())
    jets = sum(jet_bytes(call, reached) * len(call.results) for call in calls)
    return jets + matrices > limit


def most(
    divided: Sequence[Stretch], starting: Mapping[int, Reach], some: Ranks, room: Room
) -> float:
    """The most bytes that the jets of some groups take at any time.

    Args:
        divided: The calls in stretches.
        starting: The groups of each parameter, by the id of its operand.
        some: The groups.
        room: How far samples are divided.

    Returns:
        An estimate from above: every group is taken to have a second derivative, and what a rule
        takes meanwhile is counted.
    """
    reached = {key: reach.of(some) for key, reach in starting.items()}
    held: dict[int, float] = {}
    peak = 0.0
    for stretch in divided:
        parts, spent = stretch.parts(reached, room), stretch.spent()
        widest = math.ceil(stretch.count / parts) / stretch.count  # the largest part of a stretch
        within = set(map(id, stretch.calls))
        if parts > 1:  # what is handed over is there while the second part is gone through
            ahead = dict(reached)
            for call in stretch.every:
                held |= {key: n for key, n in _sizes(call, ahead).items() if key not in spent}
        for call in stretch.every:
            passing = widest if id(call) in within else 1
            for key, size in _sizes(call, reached).items():
                held[key] = size * (passing if key in spent else 1)
            rows = 2 * len(reached[id(call.results[0])])
            peak = max(peak, sum(held.values()) + temporary_bytes(call, rows) * passing)
            for operand in call.spent:
                if parts == 1 or id(operand) in stretch.results:
                    held.pop(id(operand), None)
        for key in spent:
            held.pop(key, None)
    return peak


def _sizes(call: Call, reached: dict[int, Reach]) -> dict[int, float]:
    """The bytes of the jets of each of a call's results, by id."""
    size, of_one = jet_bytes(call, reached), max(call.out.numel(), 1)
    return {id(o): o.value.numel() / of_one * size for o in call.results}


def free_memory(device: torch.device) -> float:
    """The bytes that jets may take on a device unless a person says otherwise.

    Args:
        device: The device.

    Returns:
        Half of what is free; infinity where that is not known.
    """
    if device.type == "cuda":
        # What torch has taken and not given to any tensor is free too.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return _SHARE * (torch.cuda.mem_get_info(device)[0] + kept)
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return _SHARE * 1024 * float(line.split()[1])
    with suppress(OSError, ValueError, AttributeError):
        return _SHARE * float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    return float("inf")
