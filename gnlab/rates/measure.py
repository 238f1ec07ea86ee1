"""The rate of every level on a quadratic, measured.

Without a cubic term and with λ₁ = 1 the method, along the gradient, minimises f over the span of
the groups' gradients: x⁺ = x − Gη with the columns G_s = I_s∇f and GᵀHG η = Gᵀ∇f. One group is
Cauchy's exact line search; one group per coordinate is Newton's step, wherever no ∂f is zero.

The rate of a level is the supremum over all starts of limsup f(x_k)^(1/k). It is attained from a
start that ``slow_pair`` finds, which hardly any other comes near to: what random starts show is
another thing.

Legend: P coordinates, S groups, k steps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gnlab.errors import InputError, check_number
from gnlab.rates.bounds import kantorovich
from gnlab.rates.checks import (
    Array,
    Groups,
    check_definite,
    check_groups,
    check_hessian,
    check_points,
    check_seed,
    check_starts,
)
from gnlab.rates.quadratics import Quadratic, check_quadratic, runs
from gnlab.rates.worst import Pair, slow_pair, worst_start

if TYPE_CHECKING:
    import xarray as xr

# Below it the iterate is rounding of the start: there is nothing left to measure.
DONE = 1e-26
# Below it, relative to what it is the sum of, a slope is rounding.
_ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True, eq=False)
class Convergence:
    """One sequence of steps.

    Attributes:
        factors: f(x_{i+1}) / f(x_i), [k] or fewer if the minimum was reached.
        end: The last x, in a scale of its own, [P].
    """

    factors: Array
    end: Array

    @property
    def rate(self) -> float:
        """The geometric mean of the later half of the factors; 0 if the minimum was reached."""
        later = self.factors[len(self.factors) // 2 :]
        return float(np.exp(np.log(later).mean())) if (later > 0).all() else 0.0


def slopes(H: Array, x: Array) -> Array:
    """The gradient, 0 where it is rounding.

    Args:
        H: The Hessian, [P, P].
        x: The point, or several, [..., P].

    Returns:
        ∇f, [..., P].

    Raises:
        InputError: If H is not symmetric, or something is not finite or of another size.
    """
    H = check_hessian(H)
    return _slopes(H, check_points("x", x, (*[None] * (np.ndim(x) - 1), len(H))))


def _slopes(H: Array, x: Array) -> Array:
    """The gradient, 0 where it is rounding."""
    g = x @ H
    cleared: Array = np.where(np.abs(g) > _ROUNDING * (np.abs(x) @ np.abs(H)), g, 0.0)
    return cleared


def step(H: Array, x: Array, owner: Groups) -> Array:
    """The point after one step of the method.

    Args:
        H: The Hessian, [P, P].
        x: The point, or several, [..., P].
        owner: The group of each coordinate, [P].

    Returns:
        x⁺, [..., P]. A group whose slope is zero, to rounding, stays where it is.
    """
    here = _slopes(H, x)
    members = np.eye(int(owner.max()) + 1)[owner]
    # Each group's slopes in a unit of their own: squares of tiny ones are in no float's range.
    largest = np.max(np.abs(here)[..., None] * members, axis=-2)
    still = largest == 0
    g = here / np.where(still, 1.0, largest)[..., owner]
    columns = g[..., None] * members
    bent = columns.mT @ (H @ columns)
    # In units in which the diagonal is 1 the groups' sizes are out of the way.
    size = np.diagonal(bent, axis1=-2, axis2=-1)
    unit = np.where(still, 0.0, 1 / np.sqrt(np.where(still, 1.0, size)))
    scaled = (
        unit[..., :, None] * bent * unit[..., None, :] + np.eye(size.shape[-1]) * still[..., None]
    )

    def shift(slopes: Array) -> Array:
        """How far to go for the groups' slopes to vanish, from where they are these."""
        eta = unit * _solved(scaled, unit * (g * slopes @ members))
        far: Array = g * eta[..., owner]
        return far

    moved: Array = x - shift(here)
    # What is left of the slopes is rounding of x. A group of one coordinate has nothing else, and
    # in the next step it would be all that there is to go along.
    moved -= shift(moved @ H)
    return moved


def _solved(A: Array, b: Array) -> Array:
    """A⁻¹b, for [..., S, S] and [..., S]; the shortest where A is singular to rounding."""
    try:
        solved = np.linalg.solve(A, b[..., None])
    except np.linalg.LinAlgError:
        solved = np.linalg.pinv(A, hermitian=True) @ b[..., None]
    return np.asarray(solved[..., 0], np.float64)


def convergence(problem: Quadratic, owner: Groups, start: Array, steps: int) -> Convergence:
    """Take some steps.

    Args:
        problem: The quadratic.
        owner: The group of each coordinate, [P].
        start: Where to begin, not at the minimum, [P].
        steps: How many steps; fewer are made if the minimum is reached.

    Returns:
        The factors and the end.

    Raises:
        InputError: If the start is the minimum, the groups are none of the problem's, there is no
            step, H is not positive definite, or something is not finite.
    """
    check_number("steps", steps, low=1, integer=True)
    H = check_definite(check_quadratic(problem).H)
    owner = check_groups(owner, len(H))
    return _converging(in_range(H), owner, check_starts("start", start, (len(H),)), steps)


def _converging(H: Array, owner: Groups, start: Array, steps: int) -> Convergence:
    """Take some steps, of what was looked at."""
    x, factors = start / scale(start), []
    for _ in range(steps):
        before = float(x @ H @ x)
        moved = step(H, x, owner)
        after = float(moved @ H @ moved)
        factor = after / before
        factors.append(factor if factor > DONE else 0.0)
        x = moved
        if factor <= DONE:
            break
        # The method does not see the scale of f: kept at 1, nothing underflows.
        x = x / np.sqrt(after)
    return Convergence(np.array(factors), x)


def scale(x: Array) -> Array:
    """A power of two of the size of each point: without it a square is in no float's range."""
    size: Array = np.exp2(np.frexp(np.abs(x).max(axis=-1, keepdims=True))[1].astype(np.float64))
    return size


def in_range(H: Array) -> Array:
    """A Hessian in units of its size: the method does not see the scale of f, and f is in range.

    Args:
        H: The Hessian, finite, [P, P].

    Returns:
        The same, divided by a power of two so that its largest entry is below 1, [P, P].
    """
    scaled: Array = H / scale(H).max()
    return scaled


def measure(
    problem: Quadratic,
    levels: Iterable[int] | Mapping[str, Groups],
    *,
    starts: int = 20,
    steps: int = 200,
    seed: int = 0,
) -> "xr.Dataset":
    """The rate of every level, from random starts, Cauchy's worst one and the level's own.

    Args:
        problem: The quadratic.
        levels: The numbers of groups, each of consecutive coordinates; or own groups by name, the
            group of each coordinate.
        starts: How many random starts.
        steps: How many steps from each.
        seed: Of the starts.

    Returns:
        By "level" and "start" (the last two are Cauchy's worst, and that of ``slow_pair``): the
        "rate", the geometric mean of f(x_{i+1})/f(x_i) over the later half of the steps, the
        "largest" factor, and the "first". By level: "groups" (S), the "bound" that no factor
        exceeds, and the "slow" factor, of every step from the last start but for rounding. The rate
        from the slowest of all starts is between these two. A factor's rounding grows with κ, as
        1 − bound falls: of that it is 1e-9 at κ = 1e4, 1e-5 at 1e6 and a tenth at 1e8.

    Raises:
        InputError: If there is no level, its groups are none of the problem's, H is not positive
            definite, or a number is out of bounds.
    """
    check_number("starts", starts, low=0, integer=True)
    check_number("steps", steps, low=1, integer=True)
    check_seed(seed)
    H = check_definite(check_quadratic(problem).H)
    size, near = len(H), in_range(H)
    named = _named(levels, size)
    rng = np.random.default_rng(seed)
    points = [*rng.standard_normal((starts, size)), worst_start(problem)]
    pairs = [slow_pair(H, owner) for owner in named.values()]
    found = [
        [_converging(near, owner, x, steps) for x in (*points, pair.start(owner))]
        for owner, pair in zip(named.values(), pairs, strict=True)
    ]
    return _dataset(problem, named, found, pairs)


def _named(levels: object, size: int) -> dict[str, Groups]:
    """The groups of each level by its name."""
    if isinstance(levels, Mapping):
        named = {str(n): check_groups(owner, size, f"level {n!r}") for n, owner in levels.items()}
    elif isinstance(levels, Iterable) and not isinstance(levels, str):
        named = {f"S = {count}": runs(size, count) for count in levels}
    else:
        raise InputError(
            "levels must be numbers of groups such as rates.doublings(P), or own groups by name; "
            f"got {levels!r}."
        )
    if not named:
        raise InputError("there must be one level at least; got none.")
    return named


def _dataset(
    problem: Quadratic,
    named: Mapping[str, Groups],
    found: Sequence[Sequence[Convergence]],
    pairs: Sequence[Pair],
) -> "xr.Dataset":
    """The measurements as a table."""
    import xarray as xr  # noqa: PLC0415  (half a second that only who asks should pay)

    both = ("level", "start")
    return xr.Dataset(
        {
            "rate": (both, [[one.rate for one in row] for row in found]),
            "largest": (both, [[float(one.factors.max()) for one in row] for row in found]),
            "first": (both, [[float(one.factors[0]) for one in row] for row in found]),
            "bound": ("level", [pair.bound for pair in pairs]),
            "slow": ("level", [pair.factor for pair in pairs]),
        },
        coords={
            "level": list(named),
            "groups": ("level", [int(owner.max()) + 1 for owner in named.values()]),
            "start": [
                *(f"random {i}" for i in range(len(found[0]) - 2)),
                "worst",
                "worst of the level",
            ],
        },
        attrs={"condition": problem.condition, "kantorovich": kantorovich(problem.condition)},
    )
