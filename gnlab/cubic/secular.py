"""The secular equation: one scalar equation gives the radius of the minimiser.

With K = QκQᵀ and b̂ = Qᵀb, the minimiser is Dη = Q b̂/(κ + ρ) where ρ = c r solves
c ‖b̂/(κ + ρ)‖ = ρ on ρ ≥ ρ₀ = max(0, −κ_min). The left side falls and the right side grows, so
there is one root at most. It is sought as x = ρ − ρ₀: next to the pole, where x is far below one
rounding of ρ, κ + ρ = (κ + ρ₀) + x keeps all its digits.

Legend: n eigenvalues.
"""

import math

import numpy as np

from gnlab.cubic.units import Array, size_of, size_of_any

MAX_ITERATIONS = 200
_LAST = 1e-8  # a relative step whose square is less than a rounding


def bracket(shifted: Array, b: Array, c: float, rho0: float) -> tuple[float, float]:
    """Two closed-form bounds of the root x.

    One component alone, |b_i| in place of the norm, gives a quadratic whose root bounds x from
    below; the whole norm on the pole, where the least eigenvalue is, bounds it from above.

    Args:
        shifted: κ + ρ₀ ≥ 0, ascending, [n].
        b: b̂, [n].
        c: Half the damping.
        rho0: ρ₀.

    Returns:
        (low, high) with low ≤ x ≤ high.
    """
    push = c * np.abs(b)
    gap = np.hypot(shifted - rho0, 2 * np.sqrt(push))
    low = float((2 * (push - shifted * rho0) / np.maximum(shifted + rho0 + gap, 1e-300)).max())
    least, size = float(shifted[0]), c * size_of_any(b)
    width = least + rho0 + math.hypot(least - rho0, 2 * math.sqrt(size))
    high = 2 * (size - least * rho0) / max(width, 1e-300)
    return max(low, 0.0), max(high, 0.0) * (1 + 1e-12)


def missing(radius: float, length: float) -> float:
    """What is to be added at right angles to a vector that is to be as long as a radius.

    Args:
        radius: The radius.
        length: The vector's length.

    Returns:
        √(radius² − length²), 0 if it is longer already; no square is taken of either, which may be
        beyond float64.
    """
    part = length / radius if radius > 0 else 1.0
    return radius * math.sqrt(max((1 - part) * (1 + part), 0.0))


def solve_secular(kappa: Array, b: Array, c: float) -> tuple[float, Array]:
    """Solve c ‖b/(κ + ρ)‖ = ρ for ρ ≥ max(0, −κ_min).

    Newton's method on log ρ − log c‖·‖ as a function of log x, which is nearly straight at the
    pole and far from it alike, kept inside a bracket that shrinks at every iteration.

    Args:
        kappa: κ in ascending order, [n].
        b: b̂, [n].
        c: Half the damping, positive.

    Returns:
        x = ρ − ρ₀, and the coordinates b/(κ + ρ) [n]. In the hard case x is 0 and the first
        coordinate carries what the radius ρ₀/c still needs, positive.
    """
    rho0 = max(0.0, -float(kappa[0]))
    shifted = kappa + rho0
    low, high = bracket(shifted, b, c, rho0)
    if low == 0.0:  # no component on the pole: the root may be at or below ρ₀
        rest = np.divide(b, shifted, out=np.zeros_like(b), where=(shifted > 0) & (b != 0))
        free = not np.any(b[shifted == 0])
        if free and c * size_of(rest) <= rho0:
            rest[0] = missing(rho0 / c, size_of(rest))
            return 0.0, rest
    x = low if low > 0 else high
    for _ in range(MAX_ITERATIONS):
        places = shifted + x
        w = b / places
        norm = size_of(w)
        gap = math.log((rho0 + x) / c) - math.log(norm)
        low, high = (low, x) if gap > 0 else (x, high)
        if gap == 0 or high <= low * (1 + 4e-16):
            break
        slope = x / (rho0 + x) + x * float(w.dot(w / places)) / norm**2
        new = x * math.exp(max(-700.0, min(700.0, -gap / slope)))
        inside = low <= new <= high
        if not inside:
            new = math.sqrt(low * high) if low > 0 else 1e-3 * high
        last = abs(new - x) <= (_LAST if inside else 2e-16) * x
        x = new
        if last:
            break
    return x, b / (shifted + x)
