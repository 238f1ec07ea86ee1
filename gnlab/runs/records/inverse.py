"""The inverse of a summary's H̄, or what stands for it where there is none.

Legend: S groups, H the summary's Hessian [S, S], r rows and c columns of a part.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnlab.runs.records.record import Array

MOST = 5_000
"""Groups whose inverse is found while somebody waits: half a minute on a core or two."""


@dataclass(frozen=True, slots=True, eq=False)
class Inverse:
    """H̄'s inverse, or a part of it.

    Attributes:
        matrix: The inverse [S, S], or the part [r, c]; NaN in the rows and columns of inert groups.
        diagonal: The diagonal of the whole inverse, [S].
        rank: The number of eigenvalues that are not zero to rounding.
        groups: The number of groups that are not inert.
        negative: The number of eigenvalues that are negative, and not zero to rounding; by the law
            of inertia no units of the groups change it.
        condition: The ratio of extreme eigenvalue magnitudes in scale-free variables.
    """

    matrix: Array
    diagonal: Array
    rank: int
    groups: int
    negative: int
    condition: float

    def part(self, rows: Sequence[int], columns: Sequence[int]) -> "Inverse":
        """A part of the inverse.

        Args:
            rows: Its r rows in ``matrix``.
            columns: Its c columns.

        Returns:
            The part, with what is known of the whole.
        """
        return dataclasses.replace(self, matrix=self.matrix[np.ix_(rows, columns)])


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
    live = np.flatnonzero(np.abs(H).max(axis=1, initial=0.0) > 0)
    if live.size == 0 or not np.isfinite(H).all():
        return Inverse(matrix, np.full(len(H), np.nan), 0, 0, 0, math.nan)
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
    own = np.diag(matrix).copy()  # a part of the inverse is not to keep the whole
    return Inverse(matrix, own, rank, int(live.size), negative, condition)
