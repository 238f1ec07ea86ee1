"""Units that are powers of two: how large numbers are, and the same numbers in other units.

Such a unit changes no bit of a number but where it leaves float64's range, and that is noticed.

Legend: S groups, s and t two of them; Z the groups without a cubic term, N the others.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Exponents = NDArray[np.int64]

MODERATE = 100  # binary exponents of this size add up to nothing near the ends of float64


def finite(values: Array) -> bool:
    """Whether no number is a NaN or an infinity."""
    flat = values.ravel()
    # What makes the squares' sum finite is finite; only where they overflow each is looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(flat.dot(flat)) or bool(np.isfinite(values).all())


def exponent(values: Array) -> Exponents:
    """The binary exponents e of values = m·2^e with ½ ≤ |m| < 1; 0 for 0."""
    return np.frexp(values)[1].astype(np.int64)


def size_of(vector: Array) -> float:
    """The Euclidean norm; a third of the time that numpy's own takes for a short vector."""
    return math.sqrt(vector.dot(vector))


def size_of_any(vector: Array) -> float:
    """The Euclidean norm, also of numbers whose squares are out of float64's range."""
    size = size_of(vector)
    if 1e-140 < size < 1e140:
        return size
    largest = float(np.abs(vector).max())
    return largest * size_of(vector / largest) if largest else 0.0


def moved(number: float, shift: int) -> float:
    """A number times 2^shift; infinite beyond float64's range."""
    try:
        return math.ldexp(number, shift)
    except OverflowError:
        return math.copysign(math.inf, number)


def scaled(values: Array, shift: Exponents) -> Array:
    """Values times 2^shift, exact but for underflow."""
    return np.ldexp(values, shift.astype(np.int32))


def top(values: Array, shift: Exponents) -> int:
    """The largest binary exponent of values · 2^shift; 0 if all values are 0."""
    seen = (exponent(values) + shift)[values != 0]
    return int(seen.max()) if seen.size else 0


def fitted(values: Array, given: Array) -> tuple[Array, int] | None:
    """Products with moderate powers of two, brought to entries of at most 1.

    Args:
        values: The products, in any order of factors; overwritten.
        given: The numbers before.

    Returns:
        values · 2^-e, and e; None unless it is certain that no bit was lost on the way.
    """
    size = np.abs(values)
    largest = float(size.max())
    e = math.frexp(largest)[1]
    if not (0 < largest < math.inf and abs(e) <= MODERATE):
        return None
    factor = math.ldexp(1.0, -e)
    values *= factor
    # An entry this large was in the range of normal numbers all the way.
    kept = np.count_nonzero(size > 1e-150 / factor)
    return (values, e) if kept in (size.size, np.count_nonzero(given)) else None


def rescaled(
    H: Array, g: Array, d: Array, unit: Exponents
) -> tuple[Array, int, Array, int, Array, bool]:
    """H̄, ḡ and D in the groups' units, H̄ and ḡ with entries of at most 1.

    Args:
        H: H̄, [S, S].
        g: ḡ, [S].
        d: D, [S].
        unit: The binary exponent of each group's unit, [S].

    Returns:
        H_st 2^(−unit_s − unit_t − e) and e, ḡ_s 2^(−unit_s − f) and f, D_s 2^-unit_s, and whether
        that lost no bit of H̄ and ḡ to underflow.
    """
    if np.abs(unit).max() <= MODERATE:
        # Multiplying is as exact as moving exponents, and ten times as fast.
        factor = np.ldexp(1.0, -unit.astype(np.int32))
        both = H * factor[:, None]
        both *= factor
        curved, sloped = fitted(both, H), fitted(g * factor, g)
        if curved and sloped:
            return *curved, *sloped, d * factor, True
    pair = -unit[:, None] - unit
    curvature, slope = top(H, pair), top(g, -unit)
    H_scaled, g_scaled = scaled(H, pair - curvature), scaled(g, -unit - slope)
    exact = whole(H, H_scaled) and whole(g, g_scaled)
    return H_scaled, curvature, g_scaled, slope, scaled(d, -unit), exact


def whole(before: Array, after: Array) -> bool:
    """Whether scaling kept every bit: no entry fell near the smallest normal numbers."""
    # What is kept is not zero, so that counting is comparing.
    return bool(np.count_nonzero(np.abs(after) > 1e-290) == np.count_nonzero(before))


def reference(H: Array, g: Array, unit: Exponents, cubic: Mask, damping: float) -> int:
    """The binary exponent of a curvature from which the units of Z's groups are counted.

    A unit is half an exponent, rounded. So that a loss in other units leaves all of that rounding
    as it is, this one is taken from what scales with K, and no group's unit changes it.

    Args:
        H: H̄, [S, S].
        g: ḡ, [S].
        unit: The binary exponents of the units of N's groups, [S].
        cubic: N, [S].
        damping: λ_int.

    Returns:
        The exponent. Where nothing ties Z to N, that of one of Z's own.
    """
    N, Z = np.flatnonzero(cubic), np.flatnonzero(~cubic)
    curvature, cross = H[np.ix_(N, N)], H[np.ix_(Z, N)]
    if curvature.any():
        return top(curvature, -unit[N][:, None] - unit[N])
    own = exponent(H.diagonal()[Z])
    if cross.any():  # it makes curvature on N: H̄_zs²/H̄_zz
        return int((2 * (exponent(cross) - unit[N]) - own[:, None])[cross != 0].max())
    if g[N].any():  # K² has the unit of λ_int b
        return (top(g[N], -unit[N]) + math.frexp(damping)[1]) // 2
    return int(own[0])
