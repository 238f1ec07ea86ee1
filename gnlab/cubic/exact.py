"""The last resort: the whole solve in integers.

The data are float64 numbers, so the problem is exact; what float64 cannot resolve (curvatures
that agree in all digits, scales thirty decades apart) enough bits do. The steps are those of
the float64 solve: eliminate Z, decompose K (here only to tridiagonal form), find ρ.

Legend: n cubic groups (N), m others (Z); p bits; "fixed" numbers are integers, x 2^p.
"""

import math
from dataclasses import dataclass

import numpy as np

from gnlab.cubic.estimate import EPS, Elimination, Estimate
from gnlab.cubic.fixed import Factor, Fixed, factor, length, to_fixed, to_float
from gnlab.cubic.minimiser import Minimiser
from gnlab.cubic.model import Model
from gnlab.cubic.tridiagonal import Tridiagonal, below_least, tridiagonalise
from gnlab.cubic.units import Array, Exponents, exponent

LARGEST = 128  # groups: a fraction of a second at 64, eight times as much at 128
MOST_BITS = 12000
MAX_STEPS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Eliminated:
    """The model in fixed numbers with Z eliminated.

    Attributes:
        K: D⁻¹ŜD⁻¹, [n, n].
        b: D⁻¹ĝ, [n].
        d: D on N, [n].
        rows: The rows of the elimination, one per group of Z, each over all that come after it.
        values: ḡ over the pivot, for each group of Z.
        bits: p.
    """

    K: Fixed
    b: Fixed
    d: Fixed
    rows: list[Fixed]
    values: list[int]
    bits: int

    def step(self, y: Fixed) -> list[int]:
        """η from Dη: the groups of Z first, then those of N."""
        eta: list[int] = ((y << self.bits) // self.d).tolist()
        for row, value in zip(reversed(self.rows), reversed(self.values), strict=True):
            total = sum(a * x for a, x in zip(row, eta, strict=True))
            eta.insert(0, value - (total >> self.bits))
        return eta


def bits_for(model: Model, elimination: Elimination) -> int:
    """Enough bits that 2^-(p/2) lies far below the smallest quantity that matters."""
    H, g, c = model.given
    shift = -model.units[:, None] - model.units - model.curvature_exponent
    tops = np.where(H != 0, exponent(H) + shift, -(10**6)).max(axis=1)
    slopes = (exponent(g) - model.units - model.slope_exponent)[g != 0]
    power = math.frexp(c)[1] + model.slope_exponent - 2 * model.curvature_exponent
    depth = -int(tops[tops > -(10**6)].min(initial=0)) - int(slopes.min(initial=0))
    reach = max(0.0, -math.log2(np.abs(elimination.slope).max(initial=0) or 1.0))
    return 2 * (160 + depth + abs(power) + int(reach))


def eliminate_exactly(model: Model, elimination: Elimination, bits: int) -> Eliminated | None:
    """Eliminate Z in fixed numbers; None if a pivot is not positive."""
    H_given, g_given, _ = model.given
    order = np.argsort(model.cubic, kind="stable")
    shift: Exponents = -model.units[:, None] - model.units - model.curvature_exponent
    A = to_fixed(H_given, shift, bits) + to_fixed(elimination.H - model.H, 0, bits)
    A = A[np.ix_(order, order)]
    right = to_fixed(g_given, -model.units - model.slope_exponent, bits)[order]
    rows: list[Fixed] = []
    values: list[int] = []
    for i in range(int((~model.cubic).sum())):
        pivot, row = int(A[i, i]), A[i, i + 1 :]
        if pivot <= 0:
            return None
        factor = (row << bits) // pivot
        A[i + 1 :, i + 1 :] -= np.multiply.outer(row, factor) >> bits
        rows.append(factor)
        values.append((int(right[i]) << bits) // pivot)
        right[i + 1 :] -= (factor * right[i]) >> bits
    n, d = len(rows), to_fixed(model.d[model.cubic], 0, bits)
    K = (A[n:, n:] << (2 * bits)) // np.multiply.outer(d, d)
    return Eliminated(K, (right[n:] << bits) // d, d, rows, values, bits)


def null_vector(T: Tridiagonal, shift: int) -> list[int]:
    """T's lowest eigenvector by inverse iteration; T + shift I is barely positive definite."""
    pivots = T.pivots(shift) or []
    v = [1 + (i * 2654435761) % 4294967291 for i in range(len(T.diagonal))]
    for _ in range(3):
        scale = max(0, T.bits - max(abs(entry) for entry in v).bit_length())
        v = T.solve(pivots, [entry << scale for entry in v])
        norm = length(np.array(v, dtype=object))
        v = [(entry << T.bits) // norm for entry in v]
    return v


def solve_at(T: Tridiagonal, rho: int) -> tuple[list[int], list[int], int]:
    """The pivots of T + ρ, y = (T + ρ)⁻¹b and ‖y‖."""
    pivots = T.pivots(rho) or []
    y = T.solve(pivots, [T.first] + [0] * (len(T.diagonal) - 1))
    return pivots, y, length(np.array(y, dtype=object))


def start_below(T: Tridiagonal, c: Factor, rho0: int) -> int:
    """A ρ less than a factor 2 of ρ − ρ₀ left of the root, or at 2^-(p/2) if it lies below that."""
    low = high = T.bits // 2
    while c.times(solve_at(T, rho0 + (1 << high))[2]) > rho0 + (1 << high):
        low, high = high, high + max(16, high - low) * 2
    while high - low > 1:
        middle = (low + high) // 2
        rho = rho0 + (1 << middle)
        if c.times(solve_at(T, rho)[2]) > rho:
            low = middle
        else:
            high = middle
    return rho0 + (1 << low)


def solve_radius(T: Tridiagonal, c: Factor, rho0: int) -> tuple[int, list[int]]:
    """The root ρ of c‖(T + ρ)⁻¹b‖ = ρ right of ρ₀, and (T + ρ)⁻¹b.

    1/‖·‖ − c/ρ rises and is concave, so Newton's method from the left rises to the root.

    Args:
        T: The tridiagonal form.
        c: λ_int/2.
        rho0: ρ₀.

    Returns:
        ρ, 2^-(p/2) above ρ₀ if the root lies no higher, and the vector, fixed.
    """
    bits, rho = T.bits, start_below(T, c, rho0)
    for _ in range(MAX_STEPS):
        pivots, y, norm = solve_at(T, rho)
        turn = sum(p * q for p, q in zip(y, T.solve(pivots, y), strict=True)) << bits
        ratio = (c.times(norm) << bits) // rho
        slope = turn // max(norm * norm, 1) + (ratio << bits) // rho
        step = ((ratio - (1 << bits)) << bits) // max(slope, 1)
        if step <= max(1 << (bits // 4), rho >> (3 * bits // 4)):
            break
        rho += step
    return rho, y


def solve_exactly(model: Model, elimination: Elimination, found: Estimate) -> Minimiser | None:
    """Solve the model in as many bits as it asks for.

    Args:
        model: The model in normal form.
        elimination: Its groups of Z, eliminated.
        found: The float64 estimate, for the size of K.

    Returns:
        The minimiser, or None if there are too many groups or bits for that.
    """
    bits = bits_for(model, elimination)
    if model.g.size > LARGEST or bits > MOST_BITS:
        return None
    exact = eliminate_exactly(model, elimination, bits)
    if exact is None:
        return None
    if not model.count:
        step = in_order(model, exact.step(exact.b), bits)
        return Minimiser(step, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False)
    c = factor(model.given[2], model.slope_exponent - 2 * model.curvature_exponent)
    return solve_on_cubic(model, exact, c, found.kappa_scale)


def solve_on_cubic(model: Model, exact: Eliminated, c: Factor, kappa_scale: float) -> Minimiser:
    """The minimiser over N, then over all groups, with its measurements."""
    bits = exact.bits
    T = tridiagonalise(exact.K.copy(), exact.b, bits)
    kappa_min, close = below_least(T), 1 << (bits // 2)
    rho0 = -kappa_min if kappa_min < -close else 0
    gap = 0
    if abs(T.first) < close and rho0 == 0:
        rho, y = 0, [0] * len(T.diagonal)
    else:
        rho, y = solve_radius(T, c, rho0)
        gap = rho + kappa_min
    pole = rho0 > 0 and rho <= rho0 + close
    if pole:
        rho, gap = rho0, 0
        y = mirror_free(T, y, c.divide(rho0), null_vector(T, rho0 + close))
    along = T.back(y)
    fault = (exact.K.dot(along) + rho * along) >> bits
    fault -= exact.b
    size, norm = length(exact.b), length(along)
    base = size if size > close else max((rho * norm) >> bits, 1)
    misfit = abs(c.times(norm) - rho)
    slack = to_float(gap, bits) * to_float(norm, bits)
    return Minimiser(
        step=in_order(model, exact.step(along), bits),
        rho=to_float(rho, bits),
        kappa_min=to_float(kappa_min, bits) if abs(kappa_min) > close else 0.0,
        kappa_scale=kappa_scale,
        gap=to_float(gap, bits),
        residual=to_float((length(fault) << bits) // base, bits),
        radius_error=to_float((misfit << bits) // max(rho, 1), bits),
        hard=rho0 > 0 and slack <= 8 * EPS * model.g.size * to_float(size, bits),
    )


def mirror_free(T: Tridiagonal, y: list[int], radius: int, v: list[int]) -> list[int]:
    """In the hard case, the step of length r₀: what b gives, and the rest along the null vector.

    Its sign follows b where b has any component left, else it makes the largest entry positive.
    """
    bits = T.bits
    part = sum(p * q for p, q in zip(y, v, strict=True)) >> bits
    rest = [p - ((part * q) >> bits) for p, q in zip(y, v, strict=True)]
    missing = radius * radius - sum(p * p for p in rest)
    full = T.back(v)
    leading = int(full[np.argmax(np.abs(full))])
    slope = (T.first * v[0]) >> bits
    sign = slope if abs(slope) > 1 << (3 * bits // 8) else leading
    amount = math.isqrt(max(missing, 0)) * (1 if sign >= 0 else -1)
    return [p + ((amount * q) >> bits) for p, q in zip(rest, v, strict=True)]


def in_order(model: Model, step: list[int], bits: int) -> Array:
    """The step in float64, groups in the model's order."""
    eta = np.empty(model.g.size)
    eta[np.argsort(model.cubic, kind="stable")] = [to_float(number, bits) for number in step]
    return eta
