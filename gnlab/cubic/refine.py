"""Newton's method on the optimality conditions, with residuals in extended precision.

A minimiser is a root (η, ρ) of (H̄ + ρD²)η = ḡ, c²‖Dη‖² = ρ². The linear system of a Newton step
is bordered by D²η, which keeps it regular where H̄ + ρD² alone is singular (the hard case), and
scaled by powers of two to a diagonal near 1, which takes D's decades out of it. Float64 solves
the step, the residual is exact: the root comes out with about thirty digits.

Legend: S groups; x the step in the scaled units; v a null vector of H̄ + ρ₀D².
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from gnlab.cubic.extended import ExactProduct, Pair, pair, row_sums, two_product
from gnlab.cubic.model import Array

MAX_STEPS = 12
CONVERGED = 1e-13
# A gradient far below H̄η asks for more digits of η: go on to where pairs end.
SMALL_RESIDUAL = 1e-11
EXHAUSTED = 1e-25


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """The optimality conditions in units that give H̄ + ρD² a diagonal near 1.

    Attributes:
        H: H̄, [S, S].
        g: ḡ, [S].
        d: D, [S].
        d2: D², exactly, [S].
        c: λ_int/2; 0 without a cubic term.
        unit: x = η · unit, powers of two, [S].
        product: Products with H̄ without rounding.
    """

    H: Array
    g: Array
    d: Array
    d2: Pair
    c: float
    unit: Array
    product: ExactProduct

    def residual(self, x: Pair, rho: Pair, g: Array) -> Array:
        """g − (H̄ + ρD²)x, rounded once, [S]."""
        pull = self.d2.times(x).times(rho)
        terms = -self.product.terms(x)
        return row_sums(terms, np.column_stack([g, -pull.hi, -pull.lo]))

    def excess(self, x: Pair, rho: Pair) -> float:
        """‖Dx‖² − (ρ/c)², to the accuracy of pairs."""
        squares = self.d2.times(x.times(x))
        first = rho.hi / self.c
        product, error = two_product(first, np.float64(self.c))
        rest = ((rho.hi - product) - error + rho.lo) / self.c
        radius = Pair(first, rest).times(Pair(first, rest))
        terms = np.concatenate([squares.hi, squares.lo, [-radius.hi], [-radius.lo]])
        return float(row_sums(terms[None])[0])

    def damped(self, rho: float) -> Array:
        """H̄ + ρD² in float64, [S, S]."""
        return self.H + np.diag(rho * self.d2.hi)


def equilibrated(H: Array, g: Array, d: Array, c: float, rho: float) -> System:
    """The system in the units of |H̄_ss| + ρ d_s².

    Args:
        H: H̄, [S, S].
        g: ḡ, [S].
        d: D, [S].
        c: λ_int/2.
        rho: About ρ.

    Returns:
        The scaled system.
    """
    size = np.abs(np.diag(H)) + rho * d * d
    unit = np.ldexp(1.0, np.frexp(np.where(size > 0, size, 1.0))[1] // 2)
    H, g, d = H / unit[:, None] / unit, g / unit, d / unit
    return System(H, g, d, Pair(*two_product(d, d)), c, unit, ExactProduct(H))


@dataclass(frozen=True, slots=True, eq=False)
class Root:
    """What a refinement found.

    Attributes:
        x: The step, or the null vector, [S].
        rho: ρ, or ρ₀.
        residual: g − (H̄ + ρD²)x at x, [S].
        error: About the relative error of x and ρ.
    """

    x: Pair
    rho: Pair
    residual: Array
    error: float


def solve_bordered(matrix: Array, border: Array, corner: float, right: Array) -> Array | None:
    """Solve [[matrix, border], [borderᵀ, corner]] z = right; None if that is singular."""
    n = border.size
    full = np.empty((n + 1, n + 1))
    full[:n, :n], full[:n, n], full[n, :n], full[n, n] = matrix, border, border, corner
    *_, z, info = lapack.dgesv(full, right, overwrite_a=True)
    return z if info == 0 and np.isfinite(z).all() else None


def refine_step(system: System, step: Array, rho: float) -> Root | None:
    """Refine (η, ρ) to a root of the optimality conditions.

    Args:
        system: The conditions.
        step: η in float64, [S].
        rho: ρ in float64.

    Returns:
        The root next to them, or None if Newton's method did not settle.
    """
    x, rho_pair, error = pair(step * system.unit), pair(np.float64(rho)), np.inf
    weight = np.divide(1.0, system.d, out=np.zeros_like(system.d), where=system.d > 0)
    goal = SMALL_RESIDUAL * float(np.linalg.norm(weight * system.g))
    for _ in range(MAX_STEPS):
        residual = system.residual(x, rho_pair, system.g)
        small = float(np.linalg.norm(weight * residual)) <= goal
        if error <= (CONVERGED if small else EXHAUSTED):
            return Root(x, rho_pair, residual, error)
        y = system.d * x.hi
        radius, rho_now = float(np.linalg.norm(y)), float(rho_pair.hi)
        if system.c and radius == 0:
            return None
        border, defect = np.zeros_like(y), 0.0
        if system.c:
            # The unknown next to x is √ρ r δρ/ρ: all entries are then of size 1.
            border = system.d * y * (np.sqrt(rho_now) / radius)
            defect = system.excess(x, rho_pair) * np.sqrt(rho_now) / (2 * radius)
        right = np.append(residual, -defect)
        z = solve_bordered(system.damped(rho_now), border, -1.0, right)
        if z is None:
            return None
        x = x.plus(z[:-1])
        sizes = [np.linalg.norm(z[:-1]) / max(float(np.linalg.norm(x.hi)), 1e-300)]
        if system.c:
            change = float(z[-1]) * np.sqrt(rho_now) / radius
            rho_pair = rho_pair.plus(np.float64(change))
            sizes += [np.linalg.norm(system.d * z[:-1]) / radius, abs(change) / rho_now]
        error = float(max(sizes))
        if not error < 1e3 or float(rho_pair.hi) < 0:
            return None
    return None


def refine_valley(system: System, vector: Array, rho: float) -> Root | None:
    """Refine (v, ρ₀) to a root of (H̄ + ρ₀D²)v = 0.

    Args:
        system: The conditions; ḡ and c play no part.
        vector: v in float64, in the system's units, [S].
        rho: ρ₀ in float64.

    Returns:
        The root next to them with ‖Dv‖ near 1, or None if Newton's method did not settle or ρ₀
        is not simple.
    """
    v = pair(vector / max(float(np.linalg.norm(system.d * vector)), 1e-300))
    rho_pair, error, nothing = pair(np.float64(rho)), np.inf, np.zeros_like(vector)
    for _ in range(MAX_STEPS):
        residual = system.residual(v, rho_pair, nothing)
        if error <= CONVERGED:
            return Root(v, rho_pair, residual, error)
        rho_now = abs(float(rho_pair.hi))
        root = np.sqrt(rho_now) if rho_now else 1.0
        border = system.d2.hi * v.hi * root
        z = solve_bordered(system.damped(float(rho_pair.hi)), border, 0.0, np.append(residual, 0.0))
        if z is None:
            return None
        change = float(z[-1]) * root
        v, rho_pair = v.plus(z[:-1]), rho_pair.plus(np.float64(change))
        error = float(
            max(
                np.linalg.norm(z[:-1]) / max(float(np.linalg.norm(v.hi)), 1e-300),
                np.linalg.norm(system.d * z[:-1]) / max(float(np.linalg.norm(system.d * v.hi)), 1e-300),
                abs(change) / max(rho_now, 1e-300),
            )
        )
        if not error < 1e3:
            return None
    return None
