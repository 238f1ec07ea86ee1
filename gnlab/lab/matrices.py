"""Matrices as they are shown: freed of the groups' units, inverted, in order, in blocks. No pixels.

Legend: S groups, H the summary's Hessian [S, S].
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnlab.lab.scales import number

Array = NDArray[np.float64]

ORDERS = ("tensor", "blocks")
_ROLE_ORDER = ("weights", "biases", "other")


@dataclass(frozen=True, slots=True, eq=False)
class Inverse:
    """H's inverse, or what stands for it.

    Attributes:
        matrix: The inverse [S, S]; NaN in the rows and columns of inert groups.
        rank: The number of eigenvalues that are not zero to rounding.
        groups: The number of groups that are not inert.
        negative: The number of eigenvalues that are negative, and not zero to rounding; by the law
            of inertia no units of the groups change it.
        condition: The ratio of extreme eigenvalue magnitudes in scale-free variables.
    """

    matrix: Array
    rank: int
    groups: int
    negative: int
    condition: float

    @property
    def remark(self) -> str:
        """One clause for the figure's subtitle: how far the inverse can be believed."""
        if self.groups == 0:
            return "no group has any curvature: nothing to invert"
        if self.rank < self.groups:
            return f"rank {self.rank} of {self.groups} to rounding: pseudo-inverse"
        return f"scale-free condition number {number(self.condition)}"


def scale_free(H: Array, rows: Array | None = None, columns: Array | None = None) -> Array:
    """H̄_ij / √|H̄_ii H̄_jj|: the same whatever unit each group is measured in.

    Args:
        H: [r, c].
        rows: The H̄_ii that divide, [r]; None: H's own diagonal.
        columns: The H̄_jj, [c]; None: those of the rows.

    Returns:
        [r, c], its own diagonal ±1; NaN where a diagonal entry that divides is zero.
    """
    rows = np.diag(H) if rows is None else rows
    columns = rows if columns is None else columns
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = H / np.sqrt(np.abs(rows))[:, None] / np.sqrt(np.abs(columns))[None, :]
    return np.where(np.isfinite(scaled), scaled, np.nan)


def signs(H: Array, tolerance: float) -> str:
    """One clause about a symmetric matrix in scale-free variables: is it indefinite?

    Args:
        H: [S, S].
        tolerance: The size of an eigenvalue that is nothing but rounding, per group.

    Returns:
        How many of its eigenvalues are negative, or that none is.
    """
    if not np.isfinite(H).all():
        return "not finite"
    if not H.any():
        return "zero"
    return _definite(int((np.linalg.eigvalsh(H) < -tolerance * len(H)).sum()))


def _definite(negative: int) -> str:
    if not negative:
        return "positive semidefinite"
    return "one negative eigenvalue" if negative == 1 else f"{negative} negative eigenvalues"


def negligible(eigenvalues: Array, precision: float) -> float:
    """The size below which an eigenvalue of a summary's H̄, scale-free, may be nothing but rounding.

    From 1 to 1322 groups of the points' and the digits' networks, what float32 rounds of a summary
    changes H̄ by 1 to 8 times its precision of the largest eigenvalue, where no group is very faint;
    at 4 times, about as many eigenvalues are below as are smaller than that change.

    Args:
        eigenvalues: All of them, [S].
        precision: The relative precision in which the summary was computed.

    Returns:
        The size.
    """
    own = eigenvalues.size * np.finfo(float).eps  # of the decomposition itself
    return max(own, 4 * precision) * float(np.abs(eigenvalues).max(initial=0.0))


def inverse(H: Array, precision: float = 0.0) -> Inverse:
    """H̄⁻¹ by an eigendecomposition in scale-free variables; a pseudo-inverse where singular.

    Groups whose row is zero are inert: they have no inverse and are left out. The decision what
    is zero is made after dividing each row and column by its group's scale, so that it does not
    depend on the groups' units.

    Args:
        H: [S, S], symmetric.
        precision: The relative precision in which it was computed; 0: it is exact.

    Returns:
        The inverse with its rank; all NaN when an entry is not finite.
    """
    matrix = np.full(H.shape, np.nan)
    if not np.isfinite(H).all():
        return Inverse(matrix, 0, 0, 0, math.nan)
    live = np.flatnonzero(np.abs(H).max(axis=1, initial=0.0) > 0)
    if live.size == 0:
        return Inverse(matrix, 0, 0, 0, math.nan)
    block = H[np.ix_(live, live)]
    diagonal = np.abs(np.diag(block))
    # A group without curvature of its own takes its scale from its largest coupling.
    root = np.sqrt(np.where(diagonal > 0, diagonal, np.abs(block).max(axis=1)))
    values, vectors = np.linalg.eigh(block / root[:, None] / root[None, :])
    size = np.abs(values)
    kept = size > (least := negligible(values, precision))
    inverted = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    matrix[np.ix_(live, live)] = inverted / root[:, None] / root[None, :]
    rank, negative = int(kept.sum()), int((values < -least).sum())
    condition = float(size.max() / size[kept].min())
    return Inverse(matrix, rank, int(live.size), negative, condition)


def remarks(H: Array, inverted: Inverse, groups: int) -> tuple[str, str]:
    """One line about H̄, its size and whether it is indefinite, and one about its inverse.

    Args:
        H: H̄, or its sums over bundles of groups, [m, m].
        inverted: Its inverse.
        groups: S.

    Returns:
        The lines.
    """
    of, size = "", f"S = {groups}"
    if len(H) < groups:
        of, size = "of the sums · ", f"{size}, summed in {len(H)} bundles"
    if not np.isfinite(H).all():
        return "not finite", of + inverted.remark
    kind = _definite(inverted.negative) if inverted.groups else "zero"
    return f"{size} · {kind}", of + inverted.remark


def block_order(roles: Sequence[str], order: str) -> NDArray[np.intp]:
    """The order in which the groups are shown.

    Args:
        roles: Each group's role, S of them.
        order: "tensor" keeps the model's order; "blocks" puts weights, then biases, then the
            rest, so that the matrix falls into weight–weight, bias–bias and weight–bias blocks.

    Returns:
        [S] the group shown at each place.
    """
    if order == "tensor":
        return np.arange(len(roles))
    rank = [_ROLE_ORDER.index(role) if role in _ROLE_ORDER else len(_ROLE_ORDER) for role in roles]
    return np.argsort(rank, kind="stable")


def shown_of(count: int, most: int = 256) -> list[tuple[int, int]]:
    """Which rows each row of ``block_means`` stands for.

    Args:
        count: How many there are.
        most: How many are shown at the most.

    Returns:
        The first of each and the one after its last.
    """
    edges = np.linspace(0, count, min(count, most) + 1).astype(int).tolist()
    return list(itertools.pairwise(edges))


def block_means(matrix: Array, most: int = 256) -> Array:
    """A matrix no larger than ``most`` in each direction, by the means of blocks.

    Args:
        matrix: [S, S'].
        most: The largest number of rows and of columns to show.

    Returns:
        The matrix itself if small enough, else the means over nearly equal blocks.
    """
    for axis in (0, 1):
        length = matrix.shape[axis]
        if length > most:
            edges = np.linspace(0, length, most + 1).astype(int)
            sums = np.add.reduceat(matrix, edges[:-1], axis=axis)
            shape = [1, 1]
            shape[axis] = most
            matrix = sums / np.diff(edges).reshape(shape)
    return matrix
