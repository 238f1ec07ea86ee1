"""The starts from which the method is slow for good, at every level: they are written down.

Take any scaling A and two eigenvectors v, w of A^½HA^½ with the eigenvalues λ < μ, whose masses
‖I_s v‖² and ‖I_s w‖² are equal in every group. From A^½(v/λ ± w/μ) every step multiplies f by
((μ − λ)/(μ + λ))²: docs/rates.md. At the best scaling with simple extremes v_min and v_max are
such a pair, and their factor is the bound itself. Where the scaling that is at hand has such a pair
it is the best one, and nothing is looked for. Where an extreme eigenvalue is multiple the pair is
looked for in the eigenspaces, then beside the best scaling.

Legend: P coordinates, S groups.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse.csgraph import connected_components

from gnlab.errors import InputError
from gnlab.rates.bounds import middles
from gnlab.rates.checks import Array, Groups, check_definite, check_groups
from gnlab.rates.quadratics import Quadratic, check_quadratic
from gnlab.rates.scaling import Optimum, optimum

# How many pairs of a multiple extreme's eigenspaces are tried.
_TRIES = 8
# Masses this near are equal, and so are a pair's factor and the bound.
_EQUAL = 1e-9
# Above it, a difference of masses is worth a search for a pair without.
_EVEN = 1e-12
_FAR = 100.0
# Relative to the largest, what is less is rounding.
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two eigenvectors of a scaled Hessian whose masses are equal, the farthest apart found.

    Attributes:
        scaling: A's numbers, [S]: the best ones where the bound is attained.
        ends: The eigenvalues λ < μ of A^½HA^½.
        low: The unit eigenvector of λ, [P].
        high: That of μ, [P].
        apart: The largest |‖I_s low‖² − ‖I_s high‖²|: zero, but for rounding; anything where κ_A is
            1, from where every step arrives.
        bound: ((κ_A − 1)/(κ_A + 1))² of the best scaling.
    """

    scaling: Array
    ends: tuple[float, float]
    low: Array
    high: Array
    apart: float
    bound: float

    @property
    def factor(self) -> float:
        """((μ − λ)/(μ + λ))²: of every step from the pair's start."""
        low, high = self.ends
        return ((high - low) / (high + low)) ** 2

    @property
    def attained(self) -> bool:
        """Whether that is the bound: then it is the rate of the level, and no start is slower."""
        even = self.apart <= _EQUAL or self.bound <= _EQUAL
        return even and self.bound - self.factor <= _EQUAL

    def start(self, owner: Groups, sign: int = 1) -> Array:
        """The start from which every step has the factor.

        Args:
            owner: The group of each coordinate, [P].
            sign: 1 or −1: there are two.

        Returns:
            A^½(low/λ ± high/μ), [P].
        """
        both = self.low / self.ends[0] + sign * self.high / self.ends[1]
        started: Array = np.sqrt(self.scaling)[owner] * both
        return started


def slow_pair(H: Array, owner: Groups) -> Pair:
    """Two eigenvectors from which a start is as slow as any that is known.

    Args:
        H: The Hessian, [P, P].
        owner: The group of each coordinate, [P].

    Returns:
        The pair.

    Raises:
        InputError: If H is not symmetric and positive definite, or the groups are none.
    """
    H, owner = check_definite(H), check_groups(owner, len(H))
    ready = _ready(H, owner)
    if ready is not None:
        return ready
    best = optimum(H, owner)
    bound = ((best.condition - 1) / (best.condition + 1)) ** 2
    logs, found = np.log(best.scaling), []
    if bound <= _EQUAL:
        return _pair(H, owner, logs, best.lowest[:, 0], best.highest[:, -1], bound)
    simple = best.lowest.shape[1] + best.highest.shape[1] == 2
    for rng in np.random.default_rng(0).spawn(1 if simple else _TRIES):
        near = _pair(H, owner, logs, *_nearest(best, owner, rng), bound)
        found += [near] if near.apart <= _EVEN else [near, _balanced(H, owner, near)]
        if found[-1].attained:
            return found[-1]
    even = [pair for pair in found if pair.apart <= _EQUAL]
    return max(even, key=lambda p: p.factor) if even else min(found, key=lambda p: p.apart)


def worst_start(problem: Quadratic, sign: int = 1, owner: Groups | None = None) -> Array:
    """The start from which the method is as slow as from any that is known, at its own level.

    Args:
        problem: The quadratic.
        sign: 1 or −1: there are two.
        owner: The group of each coordinate, [P]; without it all are one group, Cauchy's method.

    Returns:
        A^½(v/λ ± w/μ) of the ``slow_pair``, [P]. For one group v_min/λ_min ± v_max/λ_max, as slow
        as Kantorovich's bound allows; with one coordinate, where every start is as bad, ±1/λ.

    Raises:
        InputError: If it is no quadratic, the groups are none of it, or the sign is neither.
    """
    if sign not in (1, -1):
        raise InputError(f"sign must be 1 or -1, there are two worst starts; got {sign!r}.")
    values, vectors = check_quadratic(problem).eigenvalues, problem.eigenvectors
    if owner is not None:
        owner = check_groups(owner, len(values))
    if len(values) == 1:
        return sign * vectors[:, 0] / values
    if owner is None or not owner.any():
        start: Array = vectors[:, 0] / values[0] + sign * vectors[:, -1] / values[-1]
        return start
    return slow_pair(problem.H, owner).start(owner, sign)


def _ready(H: Array, owner: Groups) -> Pair | None:
    """The pair without a search, where the scaling that is at hand is the best one: or None.

    Parts of H that share neither a group nor an entry do not see each other, and each can be
    scaled such that the extremes are those of the worst. If they have equal masses, no scaling is
    better: zero is a subgradient of log κ_A, which is convex.
    """
    root = np.exp(middles(H, owner) / 2)[owner]
    scaled = root[:, None] * H * root
    together = (np.abs(scaled) > _NOTHING * np.abs(scaled).max()) | (owner[:, None] == owner)
    count, part = connected_components(together, directed=False)
    worst, ends, pair = 1 + _EQUAL, np.ones((count, 2)), np.zeros((2, len(H)))
    for one in range(count):
        own = np.flatnonzero(part == one)
        values, vectors = np.linalg.eigh(scaled[np.ix_(own, own)])
        ends[one] = values[[0, -1]]
        if values[0] <= 0:
            return None
        if values[-1] / values[0] > worst * (1 + _NOTHING):
            worst, pair[:] = values[-1] / values[0], 0
            pair[:, own] = vectors[:, [0, -1]].T
    # Each part about 1: then the worst one's extremes are those of all.
    logs = 2 * np.log(root) - np.log(ends).mean(1)[part]
    first = np.unique(owner, return_index=True)[1]
    found = _pair(H, owner, logs[first], pair[0], pair[1], ((worst - 1) / (worst + 1)) ** 2)
    return found if pair.any() and found.attained else None


def _pair(H: Array, owner: Groups, logs: Array, low: Array, high: Array, bound: float) -> Pair:
    """Two unit vectors with what is to be known of them."""
    root = np.exp(logs / 2)[owner]
    ends = [float((root * v) @ H @ (root * v)) for v in (low, high)]
    apart = np.bincount(owner, low**2 - high**2)
    return Pair(
        np.exp(logs), (ends[0], ends[1]), low, high, float(np.abs(apart).max()), bound
    )  # fmt: skip


def _nearest(best: Optimum, owner: Groups, rng: np.random.Generator) -> tuple[Array, Array]:
    """A unit vector of each end's eigenspace, their masses as near as a search finds."""
    bases = best.lowest, best.highest
    cut = bases[0].shape[1]
    if cut + bases[1].shape[1] == 2:
        return bases[0][:, 0], bases[1][:, 0]

    def pair(mix: Array) -> list[Array]:
        return [basis @ part for basis, part in zip(bases, np.split(mix, [cut]), strict=True)]

    def apart(mix: Array) -> Array:
        low, high = pair(mix)
        return np.append(np.bincount(owner, low**2 - high**2), [low @ low - 1, high @ high - 1])

    begin = rng.standard_normal(cut + bases[1].shape[1])
    found = least_squares(apart, begin, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    low, high = (v / np.linalg.norm(v) for v in pair(found.x))
    return low, high


def _balanced(H: Array, owner: Groups, near: Pair) -> Pair:
    """The pair of equal masses next to one of nearly equal ones, with a scaling of its own.

    Solved are, together, A^½HA^½ v = λv, the same of w and μ, ‖v‖ = ‖w‖ = 1 and the equality of
    the masses in every group: as many equations as unknowns v, w, λ, μ and log a, which may all be
    taken in the bases and scaling of the first pair.
    """
    size, unit = len(H), near.ends[1]
    groups = np.eye(len(near.scaling))[owner]
    first = np.log(near.scaling)

    def scaled(z: Array) -> tuple[Array, Array, Array]:
        # A search that goes astray is to come back, not to overflow.
        root = np.exp(np.clip(first + z[2 * size + 2 :], -_FAR, _FAR) / 2)[owner]
        return root[:, None] * (H / unit) * root, z[:size], z[size : 2 * size]

    def residual(z: Array) -> Array:
        M, low, high = scaled(z)
        off = [M @ v - end * v for v, end in zip((low, high), z[2 * size :], strict=False)]
        apart = (low**2 - high**2) @ groups
        return np.concatenate(
            [*off, apart, [low @ low - 1, high @ high - 1, z[2 * size + 2 :].sum()]]
        )

    def jacobian(z: Array) -> Array:
        M, low, high = scaled(z)
        count = groups.shape[1]
        J = np.zeros((2 * size + count + 3, 2 * size + count + 2))
        for i, v in enumerate((low, high)):
            own = slice(i * size, (i + 1) * size)
            J[own, own] = M - z[2 * size + i] * np.eye(size)
            J[own, 2 * size + i] = -v
            J[own, 2 * size + 2 :] = (groups * (M @ v)[:, None] + M @ (groups * v[:, None])) / 2
            J[2 * size : 2 * size + count, own] = (2 - 4 * i) * groups.T * v
            J[2 * size + count + i, own] = 2 * v
        J[-1, 2 * size + 2 :] = 1
        return J

    begin = np.concatenate(
        [near.low, near.high, np.divide(near.ends, unit), np.zeros(groups.shape[1])]
    )
    found = least_squares(
        residual, begin, jacobian, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=200
    )
    low, high = (v / np.linalg.norm(v) for v in np.split(found.x[: 2 * size], 2))
    if np.abs(found.fun).max() > _EVEN or found.x[2 * size] > found.x[2 * size + 1]:
        return near
    return _pair(H, owner, first + found.x[2 * size + 2 :], low, high, near.bound)
