"""Bundles: neighbouring groups taken together, where there are more than can be kept and shown.

At a thousand groups H̄ and its parts are 40 MB a step, at five thousand 800. Of so many groups H̄ is
kept over bundles of neighbours: the sum over two bundles is exactly the curvature between them, as
it is when they are groups of a coarser partition.

Legend: S groups, m bundles.
"""

import functools
import itertools

import numpy as np
from numpy.typing import NDArray

MOST = 1024
"""Rows of H̄ that are kept and shown."""

SEVERAL = " … "
"""What stands between the names of a bundle's first group and of its last."""

Array = NDArray[np.float64]
Names = tuple[str, ...]


@functools.lru_cache(maxsize=16)
def begins(roles: Names) -> tuple[int, ...]:
    """Where each bundle begins: a group each if there are few, else neighbours of one role.

    Args:
        roles: The groups' roles, S of them.

    Returns:
        The first group of each bundle, at most ``MOST``, ascending.
    """
    size = len(roles)
    if size <= MOST:
        return tuple(range(size))
    edges = [0, *(i for i in range(1, size) if roles[i] != roles[i - 1]), size]
    stretches = list(itertools.pairwise(edges))
    if 2 * len(stretches) > MOST:
        stretches = [(0, size)]
    width = -(-size // (MOST - len(stretches)))
    found: list[int] = []
    for first, after in stretches:
        length = after - first
        count = -(-length // width)
        found += [first + i * length // count for i in range(count)]
    return tuple(found)


def are_bundled(roles: Names) -> bool:
    """Whether H̄ is kept over bundles.

    Args:
        roles: The groups' roles.

    Returns:
        Whether there are more groups than rows.
    """
    return len(roles) > MOST


@functools.lru_cache(maxsize=16)
def named(groups: Names, roles: Names) -> tuple[Names, Names]:
    """What the rows of H̄ stand for.

    Args:
        groups: The groups' names, S of them.
        roles: Their roles.

    Returns:
        Names and roles, m each; a bundle of several is called by its first and its last group.
    """
    if not are_bundled(roles):
        return groups, roles
    firsts = begins(roles)
    ends = (*firsts[1:], len(groups))
    names = [
        groups[first] if after == first + 1 else f"{groups[first]}{SEVERAL}{groups[after - 1]}"
        for first, after in zip(firsts, ends, strict=True)
    ]
    of = [set(roles[first:after]) for first, after in zip(firsts, ends, strict=True)]
    return tuple(names), tuple(one.pop() if len(one) == 1 else "mixed" for one in of)


def summed(matrix: Array, roles: Names) -> Array:
    """A matrix of the groups as one of the bundles.

    Args:
        matrix: [S, S].
        roles: The groups' roles.

    Returns:
        The matrix itself if it is small enough, else the sums over bundles, [m, m].
    """
    if not are_bundled(roles):
        return matrix
    firsts = np.array(begins(roles))
    rows: Array = np.add.reduceat(matrix, firsts, axis=0)
    total: Array = np.add.reduceat(rows, firsts, axis=1)
    return total
