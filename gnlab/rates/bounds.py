"""What is known beforehand of the rate: Kantorovich's bound, and the best it says with a scaling.

A step of the method minimises f over all combinations of the groups' gradients, so it is at least
as good as any one of them: as an exact line search along −A∇f, where A is any positive number for
each group. In the variables A^(−½)x that is Cauchy's step on A^½HA^½, whose factor Kantorovich's
inequality bounds. So for every A

    f(x⁺) − f* ≤ ((κ_A − 1)/(κ_A + 1))² (f(x) − f*),   κ_A = κ(A^½ H A^½).

That holds for every step from every point. With the best A it is the rate from the slowest start,
exactly, wherever eigenvectors of both ends have equal masses in every group: docs/rates.md.

Legend: P coordinates, S groups.

References:
    L. V. Kantorovich (1948), Functional analysis and applied mathematics; Luenberger, Linear and
    Nonlinear Programming, Sec. 8.2 (the inequality, and the start that attains it).
"""

import math

import numpy as np

from gnlab.errors import check_number
from gnlab.rates.checks import Array, Groups, check_definite, check_groups
from gnlab.rates.scaling import optimum


def kantorovich(condition: float) -> float:
    """The largest factor of f − f* in one step of Cauchy's method.

    Args:
        condition: κ, from 1 on; infinite where rounding is all there is of λ_min.

    Returns:
        ((κ − 1)/(κ + 1))².

    Raises:
        InputError: If κ is below 1 or no number.
    """
    if condition == math.inf:
        return 1.0
    check_number("condition", condition, low=1)
    return float(((condition - 1) / (condition + 1)) ** 2)


def best_scaling(H: Array, owner: Groups) -> Array:
    """The number for each group that makes the condition number of A^½HA^½ smallest.

    Args:
        H: The Hessian, [P, P].
        owner: The group of each coordinate, [P].

    Returns:
        A's numbers, their geometric mean 1, [S].

    Raises:
        InputError: If H is not symmetric and positive definite, or the groups are none.
    """
    return optimum(H, owner).scaling


def scaled_bound(H: Array, owner: Groups) -> float:
    """The factor that no step of the method exceeds, of the best scaling of these groups.

    Args:
        H: The Hessian, [P, P].
        owner: The group of each coordinate, [P].

    Returns:
        ((κ_A − 1)/(κ_A + 1))² of the best A. How near to it is certified: ``optimum``.

    Raises:
        InputError: If H is not symmetric and positive definite, or the groups are none.
    """
    return kantorovich(max(1.0, optimum(H, owner).condition))


def ready_bound(H: Array, owner: Groups) -> float:
    """A factor that no step of the method exceeds, without a search for a scaling.

    Args:
        H: The Hessian, [P, P].
        owner: The group of each coordinate, [P].

    Returns:
        The better of the bounds of two scalings: none, and the middle of each group's own
        spectrum. Where H is block-diagonal in the groups, the bound of the worst block.

    Raises:
        InputError: If H is not symmetric and positive definite, or the groups are none.
    """
    H, owner = check_definite(H), check_groups(owner, len(H))
    tried = (np.zeros(int(owner.max()) + 1), middles(H, owner))
    return kantorovich(max(1.0, min(_condition(H, owner, logs) for logs in tried)))


def middles(H: Array, owner: Groups) -> Array:
    """A scaling that is at hand: the middle of each group's own spectrum becomes 1.

    Args:
        H: The Hessian, [P, P].
        owner: The group of each coordinate, [P].

    Returns:
        The logarithm of 2/(λ_min + λ_max) of each group's block, [S].
    """
    found = np.zeros(int(owner.max()) + 1)
    for s in range(len(found)):
        own = np.flatnonzero(owner == s)
        within = np.linalg.eigvalsh(H[np.ix_(own, own)])
        found[s] = -np.log((within[0] + within[-1]) / 2)
    return found


def _condition(H: Array, owner: Groups, logs: Array) -> float:
    """κ(A^½HA^½) for A = exp(logs)."""
    root = np.exp((logs - logs.mean()) / 2)[owner]
    values = np.linalg.eigvalsh(root[:, None] * H * root)
    return float(values[-1] / values[0]) if values[0] > 0 else math.inf
