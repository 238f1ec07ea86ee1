"""The decrease that the order-2 model promises for a step, exact where it cancels.

ḡᵀx − ½xᵀH̄x is a small difference of large numbers where H̄ is nearly singular and the step is
long: float64 has no right digit of it then, though every number that it is made of is right.

Legend: S groups, x the sizes of a step.
"""

import numpy as np

from gnlab.cubic.fixed import ExactProduct, to_fixed, to_float
from gnlab.cubic.units import Array

_EPS = float(np.finfo(np.float64).eps)
_TRUSTED = 1e-9  # relative rounding, at most, of a sum that is taken as float64 has it
_BITS = 192
_ROWS = 256


@np.errstate(over="ignore", invalid="ignore")  # of a run that comes apart there is no number
def decrease(H: Array, g: Array, x: Array) -> float:
    """ḡᵀx − ½xᵀH̄x.

    Args:
        H: H̄, [S, S].
        g: ḡ, [S].
        x: The sizes of the step, [S].

    Returns:
        The decrease, in units of the loss; in float64 as it comes where its rounding is known to be
        below a billionth, else from exact products.
    """
    bent = H @ x
    plain = float(g @ x - 0.5 * (x @ bent))
    sizes = np.abs(x)
    # What rounding can be: of sums of S numbers, and of S of these.
    terms = float(np.abs(g) @ sizes) + 0.5 * _size(H, sizes)
    rounding = 2 * (x.size + 2) * _EPS * terms
    if not np.isfinite(rounding) or rounding <= _TRUSTED * abs(plain):
        return plain
    return _exactly(H, g, x)


def _size(H: Array, sizes: Array) -> float:
    """|x|ᵀ|H̄||x|, of some rows at once: H̄ may be as large as the memory that is left."""
    rows = range(0, len(H), _ROWS)
    return float(sum(sizes[a : a + _ROWS] @ (np.abs(H[a : a + _ROWS]) @ sizes) for a in rows))


def _exactly(H: Array, g: Array, x: Array) -> float:
    """The same from exact products, in units in which each group's step is about 1."""
    mantissas, exponents = np.frexp(x)
    slopes = np.ldexp(g, exponents)
    curvatures = np.ldexp(np.ldexp(H, exponents[:, None]), exponents)
    largest = max(float(np.abs(slopes).max()), float(np.abs(curvatures).max()))
    if not 0 < largest < np.inf:
        return float(g @ x - 0.5 * (x @ (H @ x)))
    top = int(np.frexp(largest)[1])
    y = to_fixed(mantissas, 0, _BITS)
    bent = ExactProduct(np.ldexp(curvatures, -top), _BITS)(y)
    twice = 2 * int(to_fixed(np.ldexp(slopes, -top), 0, _BITS).dot(y)) - int(bent.dot(y))
    return float(np.ldexp(to_float(twice, 2 * _BITS), top - 1))
