"""Symmetric eigenvalue work in integers: as many bits as the problem asks for.

Householder reflections carry (K, b) to a tridiagonal T and a multiple of the first unit vector;
there each step of an iteration costs O(n). No precision is global and every loop is bounded.

Legend: n rows of K; p bits; "fixed" numbers are integers, x 2^p.
"""

import math
from dataclasses import dataclass

import numpy as np

from gnlab.cubic.fixed import Fixed, length

MAX_STEPS = 4000


@dataclass(frozen=True, slots=True, eq=False)
class Tridiagonal:
    """T and the reflections that made it.

    Attributes:
        diagonal: [n].
        squares: The squares of the entries beside it, [n − 1].
        beside: The entries beside it, [n − 1].
        mirrors: Unit vectors u of the reflections I − 2uuᵀ, in order, on the last entries.
        first: ‖b‖ with its sign: b became this times the first unit vector.
        bits: p.
    """

    diagonal: list[int]
    squares: list[int]
    beside: list[int]
    mirrors: list[Fixed]
    first: int
    bits: int

    def pivots(self, shift: int) -> list[int] | None:
        """The pivots of T + shift I, or None if one is not positive."""
        found: list[int] = []
        for i, entry in enumerate(self.diagonal):
            pivot = entry + shift
            if i:
                pivot -= (self.squares[i - 1] << self.bits) // found[-1]
            if pivot <= 0:
                return None
            found.append(pivot)
        return found

    def solve(self, pivots: list[int], right: list[int]) -> list[int]:
        """Solve (T + shift I) z = right from the pivots."""
        z = list(right)
        for i in range(1, len(z)):
            z[i] -= self.beside[i - 1] * z[i - 1] // pivots[i - 1]
        for i in reversed(range(len(z))):
            later = (self.beside[i] * z[i + 1]) >> self.bits if i + 1 < len(z) else 0
            z[i] = ((z[i] - later) << self.bits) // pivots[i]
        return z

    def back(self, vector: list[int]) -> Fixed:
        """A vector of T's coordinates in those of K."""
        out = np.array(vector, dtype=object)
        for mirror in reversed(self.mirrors):
            tail = out[-mirror.size :]
            tail -= (mirror * (int(mirror.dot(tail)) >> (self.bits - 1))) >> self.bits
        return out


def mirror_of(vector: Fixed, bits: int) -> Fixed | None:
    """The unit u whose reflection carries a vector to ∓ its length times e₁; None for 0."""
    largest = max((abs(entry) for entry in vector), default=0)
    if largest < 1 << 40:  # nothing but rounding
        return None
    u = vector << max(0, bits - largest.bit_length())
    u[0] += length(u) if u[0] >= 0 else -length(u)
    unit: Fixed = (u << bits) // length(u)
    return unit


def tridiagonalise(K: Fixed, b: Fixed, bits: int) -> Tridiagonal:
    """Reflect (K, b) to a tridiagonal matrix and a multiple of e₁.

    Args:
        K: Symmetric, entries of size at most about 1, [n, n]; overwritten.
        b: [n].
        bits: p.

    Returns:
        The tridiagonal form.
    """
    n = b.size
    mirrors: list[Fixed] = []
    first, column = 0, b.copy()
    beside: list[int] = []
    for start in range(n):
        u = mirror_of(column, bits)
        head = int(column[0])
        if u is not None:
            block = K[start:, start:]
            product = block.dot(u) >> bits
            product -= (u * (int(u.dot(product)) >> bits)) >> bits
            half = np.multiply.outer(u, product)
            block -= (half + half.T) >> (bits - 1)
            mirrors.append(u)
            head = -length(column) if head >= 0 else length(column)
        if start:
            beside.append(head)
        else:
            first = head
        column = K[start + 1 :, start].copy()
    diagonal = [int(K[i, i]) for i in range(n)]
    squares = [(entry * entry) >> bits for entry in beside]
    return Tridiagonal(diagonal, squares, beside, mirrors, first, bits)


def below_least(T: Tridiagonal) -> int:
    """A fixed number just below T's least eigenvalue, by Laguerre's method from below.

    With all roots real the method rises towards the least one and never passes it. It stops with
    three quarters of the bits right.
    """
    n, bits = len(T.diagonal), T.bits
    sides = [0, *(abs(entry) for entry in T.beside), 0]
    x = min(T.diagonal[i] - sides[i] - sides[i + 1] for i in range(n)) - (1 << (bits // 2))
    for _ in range(MAX_STEPS):
        pivots = T.pivots(-x)
        if pivots is None:
            return x - (1 << (bits // 4))
        total, squared = log_derivatives(T, pivots)
        spread = (n - 1) * (n * squared - ((total * total) >> bits))
        step = (n << (2 * bits)) // (total + math.isqrt(max(spread, 0) << bits))
        x += step - 1
        if step <= 1 << (bits // 4):
            return x - (1 << (bits // 4))
    return x


def log_derivatives(T: Tridiagonal, pivots: list[int]) -> tuple[int, int]:
    """Σ 1/(λ_i − x) and Σ 1/(λ_i − x)² over T's eigenvalues, from the pivots of T − xI."""
    bits, total, squared = T.bits, 0, 0
    first, second = -(1 << bits), 0  # the pivot's derivatives in x
    for i, pivot in enumerate(pivots):
        if i:
            before = pivots[i - 1]
            ratio = (first << bits) // before
            factor = (T.squares[i - 1] << bits) // before
            curved = ((second << bits) // before) - ((2 * ratio * ratio) >> bits)
            first, second = -(1 << bits) + ((factor * ratio) >> bits), (factor * curved) >> bits
        slope = (first << bits) // pivot
        total -= slope
        squared += ((slope * slope) >> bits) - (second << bits) // pivot
    return total, squared
