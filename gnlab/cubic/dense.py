"""Dense symmetric matrices: eigen-decomposition, proof of definiteness, linear solves.

Small ones go to LAPACK straight, whose calls cost microseconds; large ones to torch, which has the
faster library on most machines, and on a GPU if the inputs of the solve were there.

Legend: n rows.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import lapack
from torch import Tensor

Array = NDArray[np.float64]

LARGE = 256
"""From how many rows on torch is taken."""
_DECOMPOSED = 32  # likewise, for a decomposition
_SENT = 384
"""From how many rows on a GPU is taken: with an H200 beside 16 cores it is the faster from here on,
see docs/performance.md."""
# Rows that differ by more than this lose too many digits in divide-and-conquer.
GRADED = 2.0**-26

CPU = torch.device("cpu")


def eigh(matrix: Array, device: torch.device = CPU, *, careful: bool = True) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of a symmetric matrix with rows graded in size.

    LAPACK's reduction of the lower triangle keeps the small eigenvalues' digits only when the
    large rows come first; in any other order they drown in the rounding of the large ones. Of its
    two ways on, QL iterations keep those digits and divide-and-conquer, faster, does not.

    Args:
        matrix: Symmetric, [n, n].
        device: Where to decompose a large one.
        careful: Whether small eigenvalues' digits are worth QL iterations, which take minutes for
            thousands of rows.

    Returns:
        κ [n] and Q [n, n], one column per eigenvalue.
    """
    rows = np.abs(matrix).max(axis=1)
    order = (-rows).argsort(kind="stable")
    # LAPACK may overwrite it: the transpose of what numpy stores by rows is stored as it wants it.
    ordered = matrix[order[:, None], order]
    if careful and rows[order[-1]] < GRADED * rows[order[0]]:
        kappa, vectors, _ = lapack.dsyev(ordered.T, lower=1, lwork=34 * order.size, overwrite_a=1)
    elif order.size < _DECOMPOSED:
        kappa, vectors, _ = lapack.dsyevd(ordered.T, lower=1, overwrite_a=1)
    else:
        kappa, vectors = _decomposed(ordered, device)
    Q = np.empty_like(vectors)
    Q[order] = vectors
    return kappa, Q


def is_graded(rows: Array) -> bool:
    """Whether rows of such sizes, the largest entries', are decades apart."""
    return bool(rows.min() < GRADED * rows.max())


def _decomposed(matrix: Array, device: torch.device) -> tuple[Array, Array]:
    """The decomposition by torch."""
    try:
        kappa, vectors = torch.linalg.eigh(_sent(matrix, device))
    except RuntimeError:  # it did not converge: nothing certifies what is not a number
        nothing = np.full_like(matrix, np.nan)
        return nothing[0], nothing
    return kappa.cpu().numpy(), vectors.cpu().numpy()


def diagonal_of(matrix: Array) -> Array:
    """The diagonal of a contiguous matrix, to be written to, [n]."""
    return matrix.ravel("K")[:: len(matrix) + 1]


def is_definite(matrix: Array, device: torch.device = CPU) -> bool:
    """Whether Cholesky's method goes through.

    Args:
        matrix: Symmetric, [n, n]; may be overwritten.
        device: Where to factor a large one.

    Returns:
        Whether it does.
    """
    if len(matrix) < LARGE:
        # The transpose is stored as LAPACK wants it: no copy is made.
        return bool(lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)[1] == 0)
    factor, info = torch.linalg.cholesky_ex(_sent(matrix, device))
    return bool(info == 0) and bool(torch.isfinite(factor.diagonal()).all())


def definite_solver(matrix: Array) -> Callable[[Array], Array] | None:
    """What solves linear systems with a small symmetric matrix, factored once.

    Args:
        matrix: Symmetric, [n, n]; overwritten.

    Returns:
        The function, right side [n] -> solution [n]; None if the matrix is not definite.
    """
    factor, indefinite = lapack.dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    return None if indefinite else lambda right: lapack.dpotrs(factor, right, lower=1)[0]


def solver(matrix: Array, device: torch.device = CPU) -> Callable[[Array], Array] | None:
    """What solves linear systems with a matrix, factored once.

    Args:
        matrix: Any square matrix, [n, n]; may be overwritten.
        device: Where to factor a large one.

    Returns:
        The function, right side [n] -> solution [n]; None if the matrix is singular.
    """
    if len(matrix) < LARGE:
        factors, pivots, singular = lapack.dgetrf(matrix, overwrite_a=1)
        return None if singular else lambda right: lapack.dgetrs(factors, pivots, right)[0]
    LU, places, info = torch.linalg.lu_factor_ex(_sent(matrix, device))
    if int(info):
        return None

    def solve(right: Array) -> Array:
        found = torch.linalg.lu_solve(LU, places, _sent(right, device)[:, None])
        values: Array = found[:, 0].cpu().numpy()
        return values

    return solve


def _sent(values: Array, device: torch.device) -> Tensor:
    """An array on a device, if it is so large that it is better there."""
    sent = torch.from_numpy(np.ascontiguousarray(values))
    return sent.to(device) if len(values) >= _SENT else sent
