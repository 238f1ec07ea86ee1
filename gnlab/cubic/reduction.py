"""Half an eigen-decomposition, for dozens of groups and more: K = QTQᵀ with T tridiagonal.

The other half, T's own eigenvectors and their way back through Q, is most of the time, and the
secular equation can do without: c ‖(T + ρ)⁻¹Qᵀb‖ = ρ takes O(n) for each step of its root, as with
the eigenvalues. Only next to the pole, where ρ is no longer known well enough by itself, the whole
decomposition is needed.

Legend: n rows of K; x = ρ − ρ₀.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from gnlab.cubic.dense import LARGE, is_graded
from gnlab.cubic.secular import missing
from gnlab.cubic.units import Array, size_of

ENOUGH = 24
"""From how many rows on the half is worth its Python."""
_BY_PLACE = 2  # LAPACK's number for eigenvalues asked for by their place
_NEAR = 1e-9  # x over max |κ|, below which the pole is too near
_APART = 1e-6  # two least eigenvalues over max |κ|, below which they agree too well
_SHIFT = 64 * float(np.finfo(np.float64).eps)  # what makes T − κ_min definite in spite of rounding
_STEPS = 100
_LAST = 1e-8  # a relative step whose square is less than a rounding
_LEAST = 1e-4  # the part of the radius along the lowest vector, below which it is not next to it
_BLOCK = 64
# A reduction in narrow blocks takes three quarters of the time while the matrix fits the caches.
_NARROW, _CACHED = 8, 512


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """K = QTQᵀ.

    Attributes:
        diagonal: T's diagonal, [n].
        beside: The entries beside it, [n − 1].
        mirrors: Q's reflections as LAPACK has them, below the diagonal of its QR's [n − 1, n − 1].
        factors: Their factors, [n − 1].
    """

    diagonal: Array
    beside: Array
    mirrors: Array
    factors: Array

    def turned(self, vector: Array, trans: str) -> Array:
        """Q times a vector ("N"), or Qᵀ times it ("T")."""
        found = vector.copy()
        rest = np.asfortranarray(vector[1:, None])
        found[1:] = lapack.dormqr("L", trans, self.mirrors, self.factors, rest, _BLOCK)[0][:, 0]
        return found

    def ends(self) -> tuple[float, float]:
        """The least eigenvalue of T and the largest."""
        return float(self._at(1, 1)[0][0]), float(self._at(self.diagonal.size, 1)[0][0])

    def lowest(self) -> tuple[Array, Array]:
        """T's two least eigenvalues and the vector of the least, [n]."""
        values, blocks, splits = self._at(1, 2)
        least = int(values.argmin())
        # What LAPACK finds the vectors of are the first numbers.
        blocks[0] = blocks[least]
        vectors: Array = lapack.dstein(
            self.diagonal, self.beside, values[least : least + 1], blocks, splits
        )[0]
        return np.sort(values), vectors[:, 0]

    def _at(self, place: int, count: int) -> tuple[Array, Array, Array]:
        """Eigenvalues from a place on, their blocks, and where LAPACK found T to fall apart."""
        found, values, blocks, splits, info = lapack.dstebz(
            self.diagonal, self.beside, _BY_PLACE, 0.0, 0.0, place, place + count - 1, 0.0, "B"
        )
        if info == 0:
            return values[:found], blocks, splits
        # It loses count where many eigenvalues are one. All of them together are found always.
        values = lapack.dsterf(self.diagonal, self.beside)[0]
        blocks[:], splits[0] = 1, values.size
        return values[place - 1 : place - 1 + count].copy(), blocks, splits

    def shifted(self, rho: float) -> Callable[[Array], Array] | None:
        """What multiplies by (T + ρ)⁻¹; None if T + ρ is not positive definite."""
        pivots, ratios, info = lapack.dpttrf(self.diagonal + rho, self.beside)
        if info:
            return None
        return lambda right: lapack.dpttrs(pivots, ratios, right)[0]

    def inverse(self, rho: float) -> Callable[[Array], Array] | None:
        """What multiplies by (K + ρ)⁻¹; None if K + ρ is not positive definite."""
        solve = self.shifted(rho)
        if solve is None:
            return None
        return lambda v: self.turned(solve(self.turned(v, "T")), "N")


def is_worth_it(K: Array) -> bool:
    """Whether half a decomposition of a matrix is faster than the whole, and good enough.

    Args:
        K: The matrix, [n, n].

    Returns:
        Whether it is. Of not many rows, decades apart, a careful decomposition is affordable.
    """
    n = len(K)
    return n >= ENOUGH and (n >= LARGE or not is_graded(np.abs(K).max(axis=1)))


def reduce(K: Array) -> Reduction:
    """Reflect a symmetric matrix to tridiagonal form.

    Args:
        K: The matrix, [n, n], n > 1.

    Returns:
        The form.
    """
    n = len(K)
    block = _NARROW if n < _CACHED else _BLOCK
    # The transpose of what numpy stores by rows is stored as LAPACK wants it.
    matrix, diagonal, beside, factors, _ = lapack.dsytrd(K.T, lower=1, lwork=block * n)
    return Reduction(diagonal, beside, np.asfortranarray(matrix[1:, :-1]), factors)


def solve_reduced(
    T: Reduction, b: Array, c: float, kappa_min: float, kappa_max: float
) -> tuple[float, Array] | None:
    """Solve c ‖(K + ρ)⁻¹b‖ = ρ for ρ > max(0, −κ_min), by Newton's method in log x.

    Args:
        T: K's tridiagonal form.
        b: The right side, [n].
        c: Half the damping, positive.
        kappa_min: The least eigenvalue of K.
        kappa_max: The largest.

    Returns:
        ρ and (K + ρ)⁻¹b, [n]; None next to the pole, and without b.
    """
    f, rho0 = T.turned(b, "T"), max(0.0, -kappa_min)
    scale = max(abs(kappa_min), abs(kappa_max))
    size = c * size_of(f)
    if size == 0:
        return None  # the step is 0 or along the pole

    def root(kappa: float) -> float:
        """The x at which c ‖b‖/(κ + ρ₀ + x) = ρ₀ + x."""
        gap = math.hypot(kappa, 2 * math.sqrt(size))
        return 2 * (size - (kappa + rho0) * rho0) / (kappa + 2 * rho0 + gap)

    low, high = max(root(kappa_max), 0.0), root(kappa_min)
    # Of a right side that is nowhere small, all eigenvalues together pull about as their mean.
    x = root(float(T.diagonal.sum()) / T.diagonal.size)
    x = x if low < x < high else high
    for _ in range(_STEPS):
        if not x > _NEAR * scale:
            return None
        solve = T.shifted(rho0 + x)
        if solve is None:
            return None
        w = solve(f)
        norm = size_of(w)
        gap = math.log((rho0 + x) / c) - math.log(norm)
        low, high = (low, x) if gap > 0 else (x, high)
        fall = solve(w)  # −dw/dρ
        slope = x / (rho0 + x) + x * float(w.dot(fall)) / norm**2
        new = x * math.exp(max(-50.0, min(50.0, -gap / slope)))
        if abs(new - x) <= _LAST * x:
            return rho0 + new, T.turned(w - (new - x) * fall, "N")
        if not low < new < high:
            new = math.sqrt(low * high) if low > 0 else 1e-3 * high
        x = new
    return None


def solve_by_the_pole(
    T: Reduction, b: Array, c: float, kappa_min: float, kappa_max: float
) -> tuple[float, Array] | None:
    """Solve c ‖(K + ρ)⁻¹b‖ = ρ for a ρ that is next to −κ_min.

    There (K + ρ)⁻¹b is b₀/x along the lowest vector, and beside it as good as constant.

    Args:
        T: K's tridiagonal form.
        b: The right side, [n].
        c: Half the damping, positive.
        kappa_min: The least eigenvalue of K.
        kappa_max: The largest.

    Returns:
        ρ and (K + ρ)⁻¹b, [n], of which what the radius still needs is along the lowest vector;
        None away from the pole, and where the lowest eigenvalue is not alone.
    """
    rho0, scale = -kappa_min, max(abs(kappa_min), abs(kappa_max))
    if not rho0 > 0:
        return None
    (least, *others), q = T.lowest()
    solve = T.shifted(rho0 + _SHIFT * scale)
    if solve is None or not others or others[0] - least <= _APART * scale:
        return None
    f = T.turned(b, "T")
    along = float(q.dot(f))
    beside = solve(f - along * q)
    beside -= q.dot(beside) * q
    x, part, length = 0.0, 0.0, size_of(beside)
    for _ in range(3):
        part = missing((rho0 + x) / c, length)
        if not part > _LEAST * rho0 / c:
            return None
        x = abs(along) / part
    if x > _NEAR * scale:
        return None
    return rho0 + x, T.turned(beside + math.copysign(part, along or 1.0) * q, "N")


def lowest(matrix: Array) -> tuple[Array, Array]:
    """The least eigenvalues of a symmetric matrix, two of them if there are as many.

    Args:
        matrix: The matrix, [n, n].

    Returns:
        The eigenvalues, ascending, and the vector of the least, [n].
    """
    if len(matrix) < ENOUGH:
        values, vectors = np.linalg.eigh(matrix)
        return values[:2], vectors[:, 0]
    T = reduce(matrix)
    values, vector = T.lowest()
    return values, T.turned(vector, "N")
