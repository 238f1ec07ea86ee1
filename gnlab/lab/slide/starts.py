"""Where each level of the quadratic begins: at its own worst start, at Cauchy's, or anywhere.

With one positive number a_s for each group, no factor exceeds Kantorovich's bound at the condition
number of A^½HA^½ (``gnlab.rates.bounds``). From x = A^½(v_min/λ_min + v_max/λ_max), with λ and v of
A^½HA^½, every step of S groups attains it, if v_min and v_max have the same share in every group:
the best common step size for all groups is then the best for each. At the A that makes the
condition number least, that is so. On the slide's quadratics the middle of each group's own
spectrum is that A.

Legend: P coordinates, S groups.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse.csgraph import connected_components

from gnlab import rates
from gnlab.lab.slide.state import Choices

_NOTHING = 1e-12
"""Relative to the largest, what is less is rounding."""


def starts(quadratic: rates.Quadratic, chosen: Choices, groups: Sequence[int]) -> list[np.ndarray]:
    """The start of each level.

    Args:
        quadratic: The quadratic.
        chosen: The choices.
        groups: S of each level.

    Returns:
        The starts, [P] each. Newton's method has no worst start but those with a zero slope, and
        begins where Cauchy's does.
    """
    if chosen.start == "random":
        return [rates.random_start(chosen.size, chosen.seed)] * len(groups)
    worst = rates.worst_start(quadratic)
    if chosen.start == "worst":
        return [worst] * len(groups)
    size = chosen.size
    return [
        worst if count in (1, size) else own_worst(quadratic.H, rates.runs(size, count))
        for count in groups
    ]


def own_worst(H: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """The start from which a level is as slow as its bound allows.

    Args:
        H: The Hessian, [P, P].
        owner: The group of each coordinate, [P].

    Returns:
        The start, [P]. Parts of H that share neither a group nor an entry do not see each other:
        it lies in the first of the worst ones, so that v_min and v_max are of one part.
    """
    together = (np.abs(H) > _NOTHING * np.abs(H).max()) | (owner[:, None] == owner)
    count, part = connected_components(together, directed=False)
    root, worst, start = _root(H, owner), 0.0, np.zeros(len(H))
    for one in range(count):
        own = np.flatnonzero(part == one)
        scaled = root[own, None] * H[np.ix_(own, own)] * root[own]
        values, vectors = np.linalg.eigh(scaled)
        if values[-1] / values[0] > worst * (1 + _NOTHING):
            worst = values[-1] / values[0]
            start[:] = 0
            low, high = vectors[:, 0] / values[0], vectors[:, -1] / values[-1]
            start[own] = root[own] * (low + high if len(own) > 1 else low)
    return start


def _root(H: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """√a of each coordinate's group, a being 1 over the middle of the group's own spectrum."""
    root = np.empty(len(H))
    for s in range(int(owner.max()) + 1):
        group = np.flatnonzero(owner == s)
        within = np.linalg.eigvalsh(H[np.ix_(group, group)])
        root[group] = np.sqrt(2 / (within[0] + within[-1]))
    return root


def apart(quadratic: rates.Quadratic, groups: Sequence[int]) -> list[int]:
    """The levels between the ends that arrive in one step from Cauchy's worst start.

    Args:
        quadratic: The quadratic.
        groups: S of each level.

    Returns:
        Those in whose every group only one of v_min and v_max has a part; none at κ = 1, where
        all arrive, from everywhere.
    """
    if quadratic.condition <= 1 + 1e-12:
        return []
    ends = quadratic.eigenvectors[:, [0, -1]] ** 2
    found = []
    for count in groups[1:-1]:
        shares = np.eye(count)[rates.runs(len(ends), count)].T @ ends
        if shares.min(axis=1).max() < 1e-20:
            found.append(count)
    return found
