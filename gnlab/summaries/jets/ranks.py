"""Groups by rank, their order of depth: which of them, and where each stands among others."""

import functools
import weakref

import torch
from torch import Tensor

Ranks = tuple[int, ...]
"""Some groups, each once, in ascending order."""


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
