"""Where the levels of the quadratic begin: all at one point, or each at its own worst start.

From its own worst start (``gnlab.rates.worst_start``) a level is as slow as its bound allows. From
Cauchy's worst alone others may arrive at once, by chance; a little of their own prevents that.

Legend: P coordinates, S groups.
"""

from collections.abc import Sequence

import numpy as np

from gnlab import rates
from gnlab.lab.slide.state import Choices

LITTLE = 0.01
"""Of each other level's worst start in the one that they share; measured as √f."""


def starts(quadratic: rates.Quadratic, chosen: Choices, groups: Sequence[int]) -> list[np.ndarray]:
    """The start of each level.

    Args:
        quadratic: The quadratic.
        chosen: The choices.
        groups: S of each level.

    Returns:
        The starts, [P] each. Newton's method has no worst start but those with a zero slope, and
        in "own" begins where Cauchy's does.
    """
    if chosen.start == "random":
        return [rates.random_start(chosen.size, chosen.seed)] * len(groups)
    worst = rates.worst_start(quadratic)
    if chosen.start == "worst":
        return [worst] * len(groups)
    size = chosen.size
    own = [
        worst if count in (1, size) else rates.worst_start(quadratic, owner=rates.runs(size, count))
        for count in groups
    ]
    return own if chosen.start == "own" else [_shared(quadratic, own)] * len(groups)


def _shared(quadratic: rates.Quadratic, own: Sequence[np.ndarray]) -> np.ndarray:
    """Cauchy's worst start, the first, with a little of each other level's."""
    worst, *between = own[:-1]
    size = np.sqrt(quadratic.height(worst))
    little = [LITTLE * size / np.sqrt(quadratic.height(x)) * x for x in between]
    return worst + np.sum(little, axis=0) if little else worst


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
