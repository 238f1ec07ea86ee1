"""Rosenbrock's valley, f = (1 − x)² + 100 (y − x²)², and the ways that both ends take in it.

All that a step of the method needs is in closed form here: ḡ, H̄ and D along the gradient, by groups
of the two coordinates. One group is Cauchy's method, two are Newton's, each with the cubic term.
The solve's answer is taken whole, λ₁ = 1, a negative step size too: without the cubic term, two
groups are Newton's method as it is in the books. H is indefinite where y > x² + 1/200.

Legend: S groups (1 or 2), k steps.
"""

from dataclasses import dataclass

import numpy as np

from gnlab.cubic import Status, solve_cubic
from gnlab.errors import InputError, check_number
from gnlab.rates.checks import Array, Groups, check_groups, check_points

# Beyond it a path is lost and its numbers mean nothing.
_FAR = 1e8
_ARRIVED = 1e-24


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """One way through the valley.

    Attributes:
        points: Every point, the start first, [k + 1, 2]; fewer than asked for if it arrived or
            stopped.
        values: f at the points, [k + 1].
        status: What became of the last solve; the way ends where one has no answer.
    """

    points: Array
    values: Array
    status: Status


def valley(points: Array) -> Array:
    """The valley's height, with its minimum 0 at (1, 1).

    Args:
        points: [..., 2].

    Returns:
        f, [...].
    """
    x, y = points[..., 0], points[..., 1]
    heights: Array = (1 - x) ** 2 + 100 * (y - x * x) ** 2
    return heights


def slopes(point: Array) -> tuple[Array, Array, Array]:
    """The derivatives of f at a point.

    Args:
        point: (x, y).

    Returns:
        The gradient [2], the Hessian [2, 2], and all third derivatives [2, 2, 2].
    """
    x, y = point
    gradient = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
    hessian = np.array([[2 - 400 * y + 1200 * x * x, -400 * x], [-400 * x, 200.0]])
    third = np.zeros((2, 2, 2))
    third[0, 0, 0] = 2400 * x
    third[0, 0, 1] = third[0, 1, 0] = third[1, 0, 0] = -400.0
    return gradient, hessian, third


def measured(point: Array, owner: Groups) -> tuple[Array, Array, Array]:
    """The summary of f along its gradient.

    Args:
        point: (x, y).
        owner: The group of each coordinate, [2].

    Returns:
        ḡ [S], H̄ [S, S] and D [S].
    """
    u, hessian, third = slopes(point)
    columns = u[:, None] * np.eye(int(owner.max()) + 1)[owner]
    bent = np.einsum("ijk,is,js,ks->s", third, columns, columns, columns)
    return columns.T @ u, columns.T @ hessian @ columns, np.cbrt(np.abs(bent))


def walk(start: Array, owner: Groups, damping: float, steps: int) -> Walk:
    """Take some steps.

    Args:
        start: (x, y).
        owner: The group of each coordinate, [2].
        damping: λ_int, the strength of the cubic term; 0 turns it off.
        steps: The most steps.

    Returns:
        The way.

    Raises:
        InputError: If the start is out of bounds, the groups are not of two coordinates, or the
            steps or λ_int are out of bounds.
    """
    check_number("steps", steps, low=1, integer=True)
    check_number("damping", damping, low=0)
    owner = check_groups(owner, 2)
    points, status = [check_points("start", start, (2,))], Status.solved
    if np.abs(points[0]).max() > _FAR:
        raise InputError(
            f"start must be two numbers in [{-_FAR:g}, {_FAR:g}]; got {points[0].tolist()}."
        )
    for _ in range(steps):
        here = points[-1]
        if valley(here) <= _ARRIVED or np.abs(here).max() > _FAR:
            break
        g, H, d = measured(here, owner)
        found = solve_cubic(H, g, d, damping)
        status = found.status
        if not status.ok:
            break
        points.append(here - found.step_sizes.numpy()[owner] * slopes(here)[0])
    whole = np.array(points)
    return Walk(whole, valley(whole), status)
