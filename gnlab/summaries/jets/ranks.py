"""Groups by rank, their order of depth: which of them, and where each stands among others."""

import functools
import weakref

import torch
from torch import Tensor

Ranks = tuple[int, ...]
"""Some groups, each once, in ascending order."""

FEW = 8
"""Runs of rows that are quicker dealt with one by one."""


@functools.lru_cache(maxsize=4096)
def union(*ranks: Ranks) -> Ranks:
    """All groups of some."""
    return tuple(sorted(set().union(*ranks)))


@functools.lru_cache(maxsize=4096)
def common(one: Ranks, two: Ranks) -> Ranks:
    """The groups that are in both."""
    return tuple(sorted(set(one).intersection(two)))


@functools.lru_cache(maxsize=4096)
def others(ranks: Ranks, some: Ranks) -> Ranks:
    """The groups of the first that are not among the second."""
    known = frozenset(some)
    return tuple(rank for rank in ranks if rank not in known)


@functools.lru_cache(maxsize=4096)
def places(ranks: Ranks, wanted: Ranks) -> slice | Ranks:
    """Where some groups stand among others: a slice if they stand side by side."""
    at = {rank: i for i, rank in enumerate(ranks)}
    found = tuple(at[rank] for rank in wanted)
    if not found or found == tuple(range(found[0], found[0] + len(found))):
        start = found[0] if found else 0
        return slice(start, start + len(found))
    return found


@functools.lru_cache(maxsize=4096)
def side_by_side(rows: tuple[int, ...]) -> tuple[slice, ...]:
    """Rows in ascending order as runs of rows side by side."""
    runs: list[slice] = []
    for row in rows:
        if runs and runs[-1].stop == row:
            runs[-1] = slice(runs[-1].start, row + 1)
        else:
            runs.append(slice(row, row + 1))
    return tuple(runs)


@functools.lru_cache(maxsize=4096)
def meetings(ranks: Ranks, wanted: Ranks) -> tuple[tuple[slice, slice], ...]:
    """Where some groups stand among others, run by run: there, and among themselves."""
    at = {rank: i for i, rank in enumerate(ranks)}
    found, begin = [], 0
    for run in side_by_side(tuple(at[rank] for rank in wanted)):
        end = begin + run.stop - run.start
        found.append((run, slice(begin, end)))
        begin = end
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def index(rows: tuple[int, ...], device: torch.device) -> Tensor:
    """Row numbers as a tensor, kept: sending it to a device anew would wait for the device."""
    with torch.inference_mode(False):
        return keep(torch.tensor(rows, device=device))


def keep(tensor: Tensor) -> Tensor:
    """The same tensor, known from now on as one that never changes.

    Args:
        tensor: The tensor.

    Returns:
        It.
    """
    _kept[id(tensor)] = tensor
    return tensor


def is_kept(tensor: Tensor) -> bool:
    """Whether a tensor is known as one that never changes, as row numbers are."""
    return _kept.get(id(tensor)) is tensor


_kept: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()
