"""Numbers of any precision: integers x 2^p, in numpy arrays of Python integers.

Float64 data convert exactly, sums are exact and products are cut off at 2^-p, on every machine
alike. A float64 matrix times such a vector runs at BLAS speed: both are cut into slices of so
few bits that float64 holds every partial sum exactly.

Legend: p bits; "fixed" numbers are integers, x 2^p; n rows.

References:
    Ozaki et al., Numer. Algorithms 59 (2012): error-free matrix products by slices.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnlab.cubic.units import Array, Exponents

Fixed = NDArray[np.object_]


def to_fixed(values: Array, shift: Exponents | int, bits: int) -> Fixed:
    """Values · 2^shift as fixed numbers, exactly unless below 2^-bits.

    Args:
        values: Float64 numbers, any shape.
        shift: A power of two for each.
        bits: p.

    Returns:
        The integers, same shape.
    """
    mantissas, exponents = np.frexp(values)
    moved = np.asarray(exponents + (shift + bits - 53), dtype=np.int64)
    places: list[int] = moved.reshape(-1).tolist()
    whole: list[int] = np.ldexp(mantissas, 53).astype(np.int64).reshape(-1).tolist()
    out = [n << k if k >= 0 else n >> -k for n, k in zip(whole, places, strict=True)]
    return np.array(out, dtype=object).reshape(values.shape)


def to_float(number: int, bits: int) -> float:
    """A fixed number in float64; 0 or infinity out of its range."""
    extra = max(0, number.bit_length() - 1000)
    return float(np.ldexp(float(number >> extra), max(-4000, extra - bits)))


def to_floats(numbers: Fixed, bits: int) -> Array:
    """Fixed numbers in float64."""
    extra = max(0, max(map(int.bit_length, numbers.tolist()), default=0) - 1000)
    if extra:
        numbers = numbers >> extra
    return np.ldexp(numbers.astype(np.float64), max(-4000, extra - bits))


def length(vector: Fixed) -> int:
    """The Euclidean norm of fixed numbers."""
    return math.isqrt(int(vector.dot(vector))) if vector.size else 0


@dataclass(frozen=True, slots=True)
class Factor:
    """A positive number as an integer and a power of two; exact for any float64.

    Attributes:
        whole: The integer.
        power: The exponent of two.
    """

    whole: int
    power: int

    def times(self, number: int) -> int:
        """The product with a fixed number."""
        product = self.whole * number
        return product << self.power if self.power >= 0 else product >> -self.power

    def divide(self, number: int) -> int:
        """A fixed number over this one."""
        return (number << max(0, -self.power)) // (self.whole << max(0, self.power))


def factor(value: float, shift: int) -> Factor:
    """The number value · 2^shift, exactly."""
    mantissa, power = math.frexp(value)
    return Factor(int(math.ldexp(mantissa, 53)), power + shift - 53)


class ExactProduct:
    """A float64 matrix that multiplies fixed vectors without rounding.

    Args:
        matrix: Entries of size at most about 1, [n, n].
        bits: p; what lies far below 2^-p is left out.
    """

    def __init__(self, matrix: Array, bits: int) -> None:
        self.bits = bits
        # n products of two numbers of this many bits add up within the 53 of a float64.
        self.width = (53 - math.ceil(math.log2(matrix.shape[1] + 1))) // 2
        self.top = math.frexp(float(np.abs(matrix).max(initial=0.0)))[1]
        self.slices: list[Array] = []
        rest, top = matrix, self.top
        while rest.any() and top > max(-bits - 8, -900):
            top -= self.width
            whole = np.rint(np.ldexp(rest, -top))
            self.slices.append(whole)
            rest = rest - np.ldexp(whole, top)

    def __call__(self, x: Fixed) -> Fixed:
        """The product with a fixed vector, as fixed numbers, [n]."""
        largest = max(map(int.bit_length, x.tolist()), default=0)
        count = -(-largest // self.width)
        if not self.slices or count == 0:
            return np.zeros(x.size, dtype=object)
        digits = np.empty((x.size, count))
        before = np.zeros(x.size, dtype=object)
        for j in range(count):
            part = x >> (self.width * (count - 1 - j))
            digits[:, j] = part - (before << self.width)
            before = part
        sums = np.zeros((x.size, len(self.slices) + count - 1), dtype=np.int64)
        for i, piece in enumerate(self.slices):
            sums[:, i : i + count] += (piece @ digits).astype(np.int64)
        total: Fixed = np.zeros(x.size, dtype=object)
        for column in sums.T:
            total = (total << self.width) + column.astype(object)
        place = self.top - self.width * len(self.slices)
        result: Fixed = total << place if place >= 0 else total >> -place
        return result
