"""Newton's method on the optimality conditions, with exact residuals.

A minimiser is a root (η, ρ) of (H̄ + ρD²)η = ḡ, c²‖Dη‖² = ρ². The linear system of a Newton step
is bordered by D²η, which keeps it regular where H̄ + ρD² alone is singular (the hard case), and
scaled by powers of two to a diagonal near 1, which takes D's decades out of it. Float64 solves
for the step, integers hold the root and its residual: each step adds some fifty bits.

Legend: S groups; x the step in the scaled units; v a null vector of H̄ + ρ₀D²; p bits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gnlab.cubic.dense import LARGE, diagonal_of, solver
from gnlab.cubic.fixed import (
    ExactProduct,
    Fixed,
    length,
    to_fixed,
    to_float,
    to_floats,
)
from gnlab.cubic.system import System
from gnlab.cubic.units import Array, finite, size_of

MAX_STEPS = 200
MOST_BITS = 4096
CONVERGED = 1e-13
SMALL_RESIDUAL = 1e-11
MAX_STALLS = 3
FLOOR = 1e-20  # steps that no longer shrink below this have met the rounding at 2^-p
REUSE = 1e-8  # a step this small no longer changes the matrix: keep its factors


@dataclass(frozen=True, slots=True, eq=False)
class Root:
    """What a refinement found; the numbers are fixed.

    Attributes:
        x: The step, or the null vector, [S].
        rho: ρ, or ρ₀.
        bits: p.
        residual: ḡ − (H̄ + ρD²)x in float64, [S].
        misfit: (‖Dx‖² − (ρ/c)²)/‖Dx‖².
    """

    x: Fixed
    rho: int
    bits: int
    residual: Array
    misfit: float

    def floats(self) -> Array:
        """The vector x in float64."""
        return to_floats(self.x, self.bits)


class Residual:
    """ḡ − (H̄ + ρD²)x and the misfit of ‖Dx‖, exact to p bits.

    Args:
        system: The conditions.
        g: ḡ, or zeros for a null vector.
        bits: p.
    """

    def __init__(self, system: System, g: Array, bits: int) -> None:
        self.bits, self.c = bits, system.c
        self.product = ExactProduct(system.H, bits)
        self.g, self.d = to_fixed(g, 0, bits), to_fixed(system.d, 0, bits)

    def __call__(self, x: Fixed, rho: int) -> Array:
        """The residual in float64, [S]."""
        pull = self.d * ((self.d * x) >> self.bits)
        return to_floats(self.g - self.product(x) - ((pull * rho) >> 2 * self.bits), self.bits)

    def misfit(self, x: Fixed, rho: int) -> float:
        """(‖Dx‖² − (ρ/c)²)/‖Dx‖²; infinite at x = 0."""
        if self.c is None:
            return 0.0
        norm, radius = length((self.d * x) >> self.bits), self.c.divide(rho)
        excess = (norm - radius) * (norm + radius)
        return float((excess << 200) // (norm * norm)) * 2.0**-200 if norm else math.inf


class Newton:
    """The Newton step at one point, a bordered linear system, factored once.

    Args:
        system: The conditions.
        x: The point, [S].
        rho: Its ρ.
        valley: Whether ρ is unknown because v is a null vector, or because c‖Dx‖ = ρ.
        inverse: What multiplies by (H̄ + ρD²)⁻¹, if that is known; then nothing is factored.
    """

    def __init__(
        self,
        system: System,
        x: Array,
        rho: float,
        valley: bool,
        inverse: Callable[[Array], Array] | None = None,
    ) -> None:
        n, y = x.size, system.d * x
        self.d, self.sizes = system.d, (size_of(x), size_of(y), rho)
        self.ratio = 0.0
        border, corner = np.zeros(n), 0.0 if valley else -1.0
        if system.c is not None and self.sizes[1] > 0:
            # With the unknown (r/√ρ) δρ every entry of the border is of size 1.
            self.ratio = (math.sqrt(abs(rho)) or 1.0) / self.sizes[1]
            border = system.d * y * self.ratio
        if inverse is None:
            full = np.zeros((n + 1, n + 1), order="F" if n < LARGE else "C")
            full[:n, :n], full[n, n] = system.H, corner
            diagonal = diagonal_of(full)[:n]
            diagonal += rho * system.d * system.d
            full[:n, n] = full[n, :n] = border
            self.solve = solver(full, system.device)
        else:
            self.solve = bordered(inverse, border, corner)

    def step(self, residual: Array, misfit: float) -> Array | None:
        """The change of x and, last, of ρ, [S + 1]; None if the system is singular."""
        if self.solve is None:
            return None
        push = -misfit * self.ratio * self.sizes[1] * self.sizes[1] / 2
        z = self.solve(extended(residual, push))
        z[-1] *= self.ratio
        return z if finite(z) else None

    def relative(self, change: Array) -> float:
        """The largest relative change: of x, of Dx, of ρ."""
        found = [size_of(change[:-1]) / max(self.sizes[0], 1e-300)]
        if self.ratio:
            found.append(size_of(self.d * change[:-1]) / self.sizes[1])
            found.append(abs(float(change[-1]) / self.sizes[2]) if self.sizes[2] else 0.0)
        return max(found)


def extended(vector: Array, last: float) -> Array:
    """A vector and one more entry; numpy's own takes three times as long for a short one."""
    whole = np.empty(vector.size + 1)
    whole[:-1], whole[-1] = vector, last
    return whole


def bordered(
    inverse: Callable[[Array], Array], border: Array, corner: float
) -> Callable[[Array], Array]:
    """What solves a system bordered by a row and a column, from the inverse of the rest.

    Args:
        inverse: What multiplies by the inverse of the rest, [S] -> [S].
        border: The row and the column, [S].
        corner: Where they meet.

    Returns:
        The function, right side [S + 1] -> solution [S + 1].
    """
    through = inverse(border)
    pivot = corner - float(border.dot(through))

    def solve(right: Array) -> Array:
        inner = inverse(right[:-1])
        last = (float(right[-1]) - float(border.dot(inner))) / pivot
        return extended(inner - last * through, last)

    return solve


def rows_hold(system: System, x: Fixed, bits: int, residual: Array, part: float) -> bool:
    """Whether every row without a cubic term holds, to a part of its own terms.

    No norm of Dη tells that: where D is over many decades a step may be so long that the bits of
    its largest entry have none left for these.

    Args:
        system: The conditions.
        x: The step in the system's units, fixed, [S].
        bits: Its bits.
        residual: Its residual, [S].
        part: The part.

    Returns:
        Whether they hold.
    """
    rows = np.ones_like(system.d, dtype=bool) if system.c is None else system.d == 0
    if not rows.any():
        return True
    terms = np.abs(system.g[rows]) + np.abs(system.H[rows]) @ np.abs(to_floats(x, bits))
    return bool((np.abs(residual[rows]) <= part * terms).all())


def refine(system: System, start: Array, rho: float, valley: bool, bits: int = 0) -> Root | None:
    """Refine (x, ρ) to a root of the optimality conditions, or (v, ρ₀) to one of (H̄ + ρ₀D²)v = 0.

    Args:
        system: The conditions.
        start: x or v in float64, in the system's units, [S].
        rho: ρ or ρ₀, in the system's units.
        valley: Whether it is the null vector that is sought.
        bits: The precision to reach at least; 0 to stop when the residual is small.

    Returns:
        The root next to the start, or None if Newton's method did not settle.
    """
    p = max(system.bits, bits)
    g = np.zeros_like(system.g) if valley else system.g
    weight = np.divide(1.0, system.d, out=np.zeros_like(system.d), where=system.d > 0)
    if system.c is None:
        weight = np.ones_like(weight)
    goal = SMALL_RESIDUAL * size_of(weight * g) if not valley else math.inf
    x, rho_fixed = to_fixed(start, 0, p), int(to_fixed(np.array([rho]), 0, p)[0])
    measure, error, before, newton = Residual(system, g, p), math.inf, math.inf, None
    stalled = 0
    for _ in range(MAX_STEPS):
        residual = measure(x, rho_fixed)
        misfit = 0.0 if valley else measure.misfit(x, rho_fixed)
        if not math.isfinite(misfit):
            return None
        exhausted = error <= math.ldexp(1.0, 50 - p) or before / 2 <= error <= FLOOR
        enough = exhausted if bits else size_of(weight * residual) <= goal
        enough = enough and (valley or rows_hold(system, x, p, residual, SMALL_RESIDUAL))
        if error <= CONVERGED and (enough or (exhausted and p >= MOST_BITS)):
            return Root(x, rho_fixed, p, residual, misfit)
        if exhausted:  # a gradient far below H̄η needs more digits of η
            x, rho_fixed, p = x << p, rho_fixed << p, 2 * p
            measure, error = Residual(system, g, p), CONVERGED
            continue
        if newton is None or error > REUSE:
            newton = Newton(system, to_floats(x, p), to_float(rho_fixed, p), valley)
        change = newton.step(residual, misfit)
        if change is None:
            return None
        x = x + to_fixed(change[:-1], 0, p)
        rho_fixed += int(to_fixed(change[-1:], 0, p)[0])
        before, error = error, newton.relative(change)
        stalled += error > before / 2 and error > FLOOR
        if not error < 1e3 or stalled > MAX_STALLS:
            return None
    return None
