"""Arithmetic beyond float64: unevaluated pairs, and matrix products without rounding.

A pair hi + lo carries 106 bits. Products of a matrix with pairs are computed exactly: both are
cut into slices of so few bits that every partial product and sum is a float64, plain BLAS
multiplies the slices, and ``math.fsum`` adds what comes out with a single rounding. All of it is
error-free in plain float64, so it is the same on every machine.

References:
    Dekker, Numer. Math. 18 (1971): pairs. Ozaki et al., Numer. Algorithms 59 (2012): slices.
"""

import math
from dataclasses import dataclass

import numpy as np

from gnlab.cubic.model import Array

SPLITTER = 134217729.0  # 2^27 + 1
MAX_SLICES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """An array of numbers hi + lo, |lo| at most half a unit in hi's last place."""

    hi: Array
    lo: Array

    def plus(self, change: Array) -> "Pair":
        """The sum with a float64 array."""
        high, error = two_sum(self.hi, change)
        return renormalised(high, self.lo + error)

    def times(self, other: "Pair") -> "Pair":
        """The product, entry by entry."""
        high, error = two_product(self.hi, other.hi)
        return renormalised(high, error + (self.hi * other.lo + self.lo * other.hi))

    def scaled(self, factor: Array) -> "Pair":
        """The product with powers of two; exact."""
        return Pair(self.hi * factor, self.lo * factor)


def pair(values: Array) -> Pair:
    """A float64 array as pairs."""
    return Pair(values, np.zeros_like(values))


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """a + b as its rounding and the rounding's error."""
    total = a + b
    seen = total - a
    return total, (a - (total - seen)) + (b - seen)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """a·b as its rounding and the rounding's error."""
    product = a * b
    a_high, b_high = SPLITTER * a, SPLITTER * b
    a_high, b_high = a_high - (a_high - a), b_high - (b_high - b)
    a_low, b_low = a - a_high, b - b_high
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def renormalised(high: Array, low: Array) -> Pair:
    """A pair from a large part and a small one."""
    total = high + low
    return Pair(total, low - (total - high))


def slices(values: Array, bits: int) -> list[Array]:
    """Cut values into summands of few bits, on one grid for the whole array.

    Args:
        values: Finite numbers, any shape.
        bits: Bits per summand.

    Returns:
        At most five summands, the largest first; what lies below them all is left out.
    """
    largest = float(np.abs(values).max(initial=0.0))
    found: list[Array] = []
    top = math.frexp(largest)[1]
    while largest > 0 and len(found) < MAX_SLICES:
        grid = math.ldexp(1.5, top - bits + 52)
        found.append((values + grid) - grid)
        values = values - found[-1]
        largest, top = float(np.abs(values).max()), top - bits
    return found


class ExactProduct:
    """Products of one matrix with pairs, without rounding."""

    def __init__(self, matrix: Array) -> None:
        # n products of two b-bit numbers add up exactly while 2b + log2 n ≤ 53.
        self.bits = (53 - math.ceil(math.log2(matrix.shape[1] + 1))) // 2
        self.slices = slices(matrix, self.bits)

    def terms(self, x: Pair) -> Array:
        """Numbers whose sum along each row is matrix @ x.

        Args:
            x: A vector of pairs, [n].

        Returns:
            The terms, each exact, [n, number of terms].
        """
        parts = slices(x.hi, self.bits) + slices(x.lo, self.bits)
        if not parts or not self.slices:
            return np.zeros((x.hi.size, 1))
        columns = np.column_stack(parts)
        return np.concatenate([piece @ columns for piece in self.slices], axis=1)


def row_sums(*terms: Array) -> Array:
    """The sum along each row of all terms together, rounded once.

    Args:
        terms: Arrays [n, any number].

    Returns:
        The sums, [n].
    """
    return np.array([math.fsum(row) for row in np.concatenate(terms, axis=1).tolist()])
