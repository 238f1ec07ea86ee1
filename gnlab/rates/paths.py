"""Paths: the points that the method goes through on a quadratic, from several starts at once.

``convergence`` keeps what a rate needs, and this what a picture needs.

Legend: P coordinates, S groups, B starts, k steps.
"""

from dataclasses import dataclass, replace

import numpy as np

from gnlab.errors import check_number
from gnlab.rates.checks import (
    Array,
    Groups,
    check_definite,
    check_groups,
    check_seed,
    check_starts,
)
from gnlab.rates.measure import DONE, in_range, scale, step
from gnlab.rates.quadratics import Quadratic, check_quadratic


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Several starts' ways at one level.

    Attributes:
        points: Every point, the start first, [k + 1, B, P].
        factors: f(x_{i+1}) / f(x_i), 0 where the minimum is reached, [k, B].
    """

    points: Array
    factors: Array

    @property
    def values(self) -> Array:
        """f(x_i) / f(x_0), [k + 1, B]."""
        first = np.ones((1, self.factors.shape[1]))
        values: Array = np.cumprod(np.concatenate([first, self.factors]), axis=0)
        return values

    @property
    def rates(self) -> Array:
        """The geometric mean of the later half of the factors; 0 if the minimum is reached, [B]."""
        later = self.factors[len(self.factors) // 2 :]
        arrived = (later <= 0).any(axis=0)
        rates: Array = np.exp(np.log(np.where(arrived, 1.0, later)).mean(axis=0)) * ~arrived
        return rates

    @property
    def largest(self) -> Array:
        """The largest factor, [B]."""
        largest: Array = self.factors.max(axis=0)
        return largest

    @property
    def left(self) -> Array:
        """‖x_1‖ / ‖x_0‖: the error after one step, relative to that of the start, [B]."""
        first, second = np.linalg.norm(self.points[:2] / scale(self.points[0]), axis=-1)
        left: Array = second / first
        return left


def paths(problem: Quadratic, owner: Groups, starts: Array, steps: int) -> Paths:
    """Take some steps from several starts.

    Args:
        problem: The quadratic.
        owner: The group of each coordinate, [P].
        starts: Where to begin, none of them the minimum, [B, P].
        steps: How many steps, k.

    Returns:
        The points and the factors.

    Raises:
        InputError: If a start is the minimum, the groups are none of the problem's, there is no
            step, H is not positive definite, or something is not finite.
    """
    check_number("steps", steps, low=1, integer=True)
    problem = replace(problem, H=in_range(check_definite(check_quadratic(problem).H)))
    H = problem.H
    owner = check_groups(owner, len(H))
    starts = check_starts("starts", starts, (None, len(H)))
    # The method does not see the scale of f: each point's f is kept at 1, nothing underflows.
    near = starts / scale(starts)
    heights = np.sqrt(problem.height(near))[:, None]
    x, sizes, points, factors = near / heights, heights * scale(starts), [starts], []
    for _ in range(steps):
        before = problem.height(x)
        moved = step(H, x, owner)
        factor = problem.height(moved) / np.where(before > 0, before, 1.0)
        arrived = factor <= DONE
        factors.append(np.where(arrived, 0.0, factor))
        points.append(moved * sizes)
        size = np.sqrt(np.where(arrived, 1.0, problem.height(moved)))[:, None]
        x, sizes = np.where(arrived[:, None], 0.0, moved / size), sizes * size
    return Paths(np.array(points), np.array(factors))


def random_start(size: int, seed: int) -> Array:
    """A start with normal coordinates.

    Args:
        size: P.
        seed: Which one.

    Returns:
        The start, [P].

    Raises:
        InputError: If there is no coordinate, or the seed is negative.
    """
    check_number("size", size, low=1, integer=True)
    check_seed(seed)
    return np.random.default_rng(seed).standard_normal(size)
