"""Matrices as they are shown: freed of the groups' units, in order, in blocks. No pixels.

Legend: S groups, H the summary's Hessian [S, S].
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnlab.lab.scales import number
from gnlab.runs.records.inverse import Inverse

Array = NDArray[np.float64]

ORDERS = ("tensor", "blocks")
_ROLE_ORDER = ("weights", "biases", "other")


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


def remark(inverted: Inverse) -> str:
    """One clause about an inverse: how far it can be believed.

    Args:
        inverted: The inverse.

    Returns:
        The clause.
    """
    if inverted.groups == 0:
        return "no group has any curvature: nothing to invert"
    if inverted.rank < inverted.groups:
        return f"rank {inverted.rank} of {inverted.groups} to rounding: pseudo-inverse"
    return f"scale-free condition number {number(inverted.condition)}"


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
        return "not finite", of + remark(inverted)
    kind = _definite(inverted.negative) if inverted.groups else "zero"
    return f"{size} · {kind}", of + remark(inverted)


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
