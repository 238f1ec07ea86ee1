"""Quadratics f(x) = ½ xᵀHx with a chosen spectrum, and how their coordinates are coupled.

Legend: P coordinates, S groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gnlab.errors import InputError, check_number, unknown_choice
from gnlab.rates.checks import Array, Groups, check_points, check_seed

COUPLINGS = ("none", "block", "rotated", "banded", "dense")
# The angle of one rotation in that of the rotation at half its distance. Were they equal, slopes
# would cancel exactly at Cauchy's worst start, and groups without slope do not move.
_FARTHER = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """A quadratic with its minimum, 0, at the origin.

    Attributes:
        H: The Hessian, symmetric and positive definite, [P, P].
        eigenvalues: Its eigenvalues, ascending, [P].
        eigenvectors: Its eigenvectors, a column for each, [P, P].
    """

    H: Array
    eigenvalues: Array
    eigenvectors: Array

    @property
    def condition(self) -> float:
        """κ, the condition number."""
        return float(self.eigenvalues[-1] / self.eigenvalues[0])

    def height(self, points: Array) -> Array:
        """½ xᵀHx, which is f − f*, at points [..., P], giving [...]."""
        heights: Array = 0.5 * ((points @ self.H) * points).sum(axis=-1)
        return heights

    def level_set(self, height: float, count: int = 121) -> Array:
        """The ellipse on which f has a value, in two dimensions.

        Args:
            height: The value, positive.
            count: How many points of it.

        Returns:
            The points, the last one the first again, [count, 2].

        Raises:
            InputError: If there are not two dimensions, or a number is out of bounds.
        """
        if len(self.H) != 2:
            raise InputError(f"a level set is drawn in two dimensions; got {len(self.H)}.")
        check_number("height", height, low=0, open_low=True)
        check_number("count", count, low=1, integer=True)
        along = np.linspace(0, 2 * np.pi, count)
        circle = np.stack([np.cos(along), np.sin(along)], axis=1)
        ellipse: Array = (circle * np.sqrt(2 * height / self.eigenvalues)) @ self.eigenvectors.T
        return ellipse


def check_quadratic(problem: object) -> Quadratic:
    """A quadratic, if that is what was given.

    Args:
        problem: What was given.

    Returns:
        The quadratic.

    Raises:
        InputError: If it is none.
    """
    if not isinstance(problem, Quadratic):
        raise InputError(
            "problem must be a quadratic, as rates.quadratic makes it; got "
            f"{type(problem).__name__}."
        )
    return problem


def quadratic(
    spectrum: ArrayLike,
    coupling: str = "dense",
    *,
    blocks: int = 2,
    angle: float = 0.5,
    shuffled: bool = False,
    seed: int = 0,
) -> Quadratic:
    """A quadratic with a given spectrum.

    Args:
        spectrum: The eigenvalues, all positive, [P]; they are dealt out in this order.
        coupling: How the coordinates are coupled: "none" (H is diagonal), "block" (within runs of
            coordinates, at random), "rotated" (within runs, by rotations of every two at distances
            1, 2, 4, ..., less the farther apart), "banded" (each with its neighbours, by
            rotations of every two) or "dense" (a random rotation of all).
        blocks: The number of runs of "block" and "rotated".
        angle: The angle of the rotations of "banded", and of the first of "rotated", in radians.
        shuffled: Whether the coordinates are then put in a random order, so that what is coupled
            does not lie side by side.
        seed: Of the random rotations and the order.

    Returns:
        The quadratic.

    Raises:
        InputError: If the coupling is unknown, an eigenvalue is not positive, there are more
            blocks than coordinates, or a number is out of bounds.
    """
    if not np.size(spectrum):
        raise InputError("the spectrum must be of positive numbers, one at least; got none.")
    values = check_points("spectrum", spectrum, (None,))
    if not (values > 0).all():
        raise InputError(f"the spectrum must be of positive numbers; got {values.min():g}.")
    if coupling not in COUPLINGS:
        raise unknown_choice("coupling", coupling, COUPLINGS)
    in_blocks = coupling in ("block", "rotated")
    check_number("blocks", blocks, low=1, high=values.size if in_blocks else np.inf, integer=True)
    check_number("angle", angle)
    check_seed(seed)
    rng = np.random.default_rng(seed)
    Q = _rotation(coupling, values.size, blocks, angle, rng)
    if shuffled:
        Q = Q[rng.permutation(values.size)]
    order = np.argsort(values, kind="stable")
    H = (Q * values) @ Q.T
    return Quadratic((H + H.T) / 2, values[order], Q[:, order])


def runs(size: int, count: int) -> Groups:
    """Groups of consecutive coordinates, as equal as can be.

    Args:
        size: P.
        count: S.

    Returns:
        The group of each coordinate, [P].

    Raises:
        InputError: If there are more groups than coordinates.
    """
    check_number("size", size, low=1, integer=True)
    check_number("count", count, low=1, high=size, integer=True)
    return np.arange(size) * count // size


def doublings(size: int) -> list[int]:
    """The levels between Cauchy and Newton: S = 1, 2, 4, ... and P; each refines the one before.

    Args:
        size: P.

    Returns:
        The numbers of groups.

    Raises:
        InputError: If there is no coordinate.
    """
    check_number("size", size, low=1, integer=True)
    return [*(2**j for j in range((size - 1).bit_length())), size]


def _rotation(
    coupling: str, size: int, blocks: int, angle: float, rng: np.random.Generator
) -> Array:
    """An orthogonal matrix that couples coordinates as asked."""
    if coupling == "none":
        return np.eye(size)
    if coupling == "dense":
        return _random(size, rng)
    Q = np.eye(size)
    if coupling == "banded":
        for first in (0, 1):
            _turn(Q, [(i, i + 1) for i in range(first, size - 1, 2)], angle)
        return Q
    owner = runs(size, blocks)
    for block in range(blocks):
        own: Sequence[int] = np.flatnonzero(owner == block).tolist()
        if coupling == "block":
            Q[np.ix_(own, own)] = _random(len(own), rng)
            continue
        for j in range((len(own) - 1).bit_length()):
            firsts = [i for i in range(len(own) - 2**j) if i // 2**j % 2 == 0]
            _turn(Q, [(own[i], own[i + 2**j]) for i in firsts], angle * _FARTHER**j)
    return Q


def _turn(Q: Array, pairs: Sequence[tuple[int, int]], angle: float) -> None:
    """Turn pairs of rows, in place."""
    c, s = np.cos(angle), np.sin(angle)
    for pair in pairs:
        Q[list(pair)] = np.array([[c, -s], [s, c]]) @ Q[list(pair)]


def _random(size: int, rng: np.random.Generator) -> Array:
    """A random rotation, all equally likely: QR with the signs of R's diagonal taken out."""
    Q, R = np.linalg.qr(rng.standard_normal((size, size)))
    signed: Array = Q * np.sign(np.diag(R))
    return signed
