"""The cubic model's minimiser at 60 digits and more, by the shortest way: mpmath and bisection.

Written from the definition alone and slow: with all groups cubic, K = D⁻¹H̄D⁻¹; else Z is
eliminated first by a linear solve. κ_min comes from bisection on the inertia of K + ρI, ρ from
bisection on ‖(K + ρ)⁻¹b‖ = ρ/c in log(ρ − ρ₀).
"""

import mpmath
import numpy as np
from cases import Case
from mpmath import mp, mpf


def exact_matrix(values: np.ndarray) -> mpmath.matrix:
    return mpmath.matrix([[mpf(float(x)) for x in row] for row in np.atleast_2d(values)])


def pivots(K: list[list[mpf]], shift: mpf, right: list[mpf]) -> list[mpf] | None:
    """(K + shift)⁻¹ right by elimination, or None if a pivot is not positive."""
    n = len(right)
    A, x = [list(row) for row in K], list(right)
    for i in range(n):
        A[i][i] += shift
    for i in range(n):
        if A[i][i] <= 0:
            return None
        for j in range(i + 1, n):
            if A[i][j]:
                factor = A[i][j] / A[i][i]
                for k in range(j, n):
                    A[j][k] -= factor * A[i][k]
                x[j] -= factor * x[i]
    for i in reversed(range(n)):
        x[i] = (x[i] - sum(A[i][k] * x[k] for k in range(i + 1, n))) / A[i][i]
    return x
