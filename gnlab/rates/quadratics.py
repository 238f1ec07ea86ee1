"""Quadratics f(x) = ½ xᵀHx with a chosen spectrum, and how their coordinates are coupled.

Legend: P coordinates, S groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnlab.errors import InputError, check_number, unknown_choice

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

COUPLINGS = ("none", "block", "banded", "dense")


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
            coordinates), "banded" (each with its neighbours, by rotations of every two) or
            "dense" (a random rotation of all).
        blocks: The number of runs of "block".
        angle: The angle of the rotations of "banded", in radians.
        shuffled: Whether the coordinates are then put in a random order, so that what is coupled
            does not lie side by side.
        seed: Of the random rotations and the order.

    Returns:
        The quadratic.

    Raises:
        InputError: If the coupling is unknown, an eigenvalue is not positive, or there are more
            blocks than coordinates.
    """
    values = np.asarray(spectrum, dtype=np.float64)
    if values.ndim != 1 or not values.size or not (values > 0).all():
        raise InputError("the spectrum must be a list of positive numbers, one at least.")
    if coupling not in COUPLINGS:
        raise unknown_choice("coupling", coupling, COUPLINGS)
    check_number("blocks", blocks, low=1, high=values.size, integer=True)
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
    check_number("count", count, low=1, high=size, integer=True)
    return np.arange(size) * count // size


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
        c, s = np.cos(angle), np.sin(angle)
        for first in (0, 1):
            for i in range(first, size - 1, 2):
                Q[[i, i + 1]] = np.array([[c, -s], [s, c]]) @ Q[[i, i + 1]]
        return Q
    owner = runs(size, blocks)
    for block in range(blocks):
        own: Sequence[int] = np.flatnonzero(owner == block).tolist()
        Q[np.ix_(own, own)] = _random(len(own), rng)
    return Q


def _random(size: int, rng: np.random.Generator) -> Array:
    """A random rotation, all equally likely: QR with the signs of R's diagonal taken out."""
    Q, R = np.linalg.qr(rng.standard_normal((size, size)))
    signed: Array = Q * np.sign(np.diag(R))
    return signed
