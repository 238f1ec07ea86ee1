"""Where each level of the quadratic begins: at its own worst start, at Cauchy's, or anywhere.

From its own worst start (``gnlab.rates.worst_start``) a level is as slow as its bound allows.

Legend: P coordinates, S groups.
"""

from collections.abc import Sequence

import numpy as np

from gnlab import rates
from gnlab.lab.slide.state import Choices


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
        worst if count in (1, size) else rates.worst_start(quadratic, owner=rates.runs(size, count))
        for count in groups
    ]


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
