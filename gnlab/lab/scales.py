"""Scales: from a summary's numbers to what a colour or a position can show. No pixels, no UI.

Signed matrices span many decades with both signs, so they are shown on an arcsinh scale that is
linear below ε and logarithmic above, with symmetric limits so that zero is always the neutral
colour. Values that are not numbers stay so, and get a colour of their own.

Legend: S groups, H the summary's Hessian [S, S], ε where arcsinh turns from linear to log.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ORDERS = ("tensor", "blocks")
_ROLE_ORDER = ("weights", "biases", "other")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Limits:
    """The symmetric limits of a signed scale.

    Attributes:
        limit: The magnitude at the ends of the palette, in the quantity's own unit.
        epsilon: The magnitude where the scale turns from linear to logarithmic.
    """

    limit: float
    epsilon: float


@dataclass(frozen=True, slots=True, eq=False)
class Inverse:
    """H's inverse, or what stands for it.

    Attributes:
        matrix: The inverse [S, S]; NaN in the rows and columns of inert groups.
        rank: The number of eigenvalues that are not zero to rounding.
        groups: The number of groups that are not inert.
        condition: The ratio of extreme eigenvalue magnitudes in scale-free variables.
    """

    matrix: Array
    rank: int
    groups: int
    condition: float

    @property
    def remark(self) -> str:
        """One clause for the figure's subtitle: how far the inverse can be believed."""
        if self.groups == 0:
            return "no group has any curvature: nothing to invert"
        if self.rank < self.groups:
            return f"singular (rank {self.rank} of {self.groups}): pseudo-inverse"
        return f"scale-free condition number {self.condition:.1e}"


def robust_epsilon(values: Array) -> float:
    """The magnitude below which a signed quantity is shown linearly: its lower quartile.

    Args:
        values: Any shape; zeros and values that are not finite are left out.

    Returns:
        ε, at least 1e-8 of the largest magnitude; 1 when nothing is left.
    """
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    if size.size == 0:
        return 1.0
    return float(max(np.quantile(size, 0.25), 1e-8 * size.max(), np.finfo(float).tiny))


def symmetric_limits(
    values: Array, previous: Limits | None = None, *, lock: bool = False, smoothing: float = 0.7
) -> Limits:
    """The limits for these values, moving smoothly from the previous ones.

    Args:
        values: What is to be shown, any shape.
        previous: The limits of the frame before, None for the first.
        lock: Keep the previous limits whatever the values are.
        smoothing: The weight of the previous limits, in log magnitude, in [0, 1).

    Returns:
        The limits to use now. A value above the limit shows as the palette's end.
    """
    if lock and previous is not None:
        return previous
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    if largest == 0.0:
        return previous or Limits(1.0, 1.0)
    target = Limits(largest, robust_epsilon(values))
    if previous is None:
        return target
    # A jump of more than two decades is a new situation, not flicker: follow it at once.
    if abs(math.log10(target.limit / previous.limit)) > 2:
        return target
    return Limits(
        previous.limit**smoothing * target.limit ** (1 - smoothing),
        previous.epsilon**smoothing * target.epsilon ** (1 - smoothing),
    )


def signed(values: Array, limits: Limits) -> Array:
    """Values on the arcsinh scale, in [-1, 1]; zero stays zero, NaN stays NaN.

    Args:
        values: Any shape.
        limits: The scale's limits.

    Returns:
        arcsinh(value / ε) / arcsinh(limit / ε), cut at ±1, of the same shape.
    """
    full = math.asinh(limits.limit / limits.epsilon)
    return np.clip(np.arcsinh(values / limits.epsilon) / full, -1.0, 1.0)


def signed_ticks(limits: Limits, gap: float = 0.24) -> tuple[list[float], list[str]]:
    """Where to put ticks on a signed scale, and their labels in the original unit.

    Args:
        limits: The scale's limits.
        gap: The smallest distance of two ticks, in units of the scale's [-1, 1].

    Returns:
        Positions in [-1, 1] and labels, in rising order, zero among them.
    """
    positions: list[float] = []
    decades: list[int] = []
    # Every scale has a number on either side, if only its own limit's first digit.
    for decade in range(math.floor(math.log10(limits.limit)), -330, -1):
        place = float(signed(np.array(10.0**decade), limits))
        if place < gap or len(positions) == 4:
            break
        if not positions or positions[-1] - place >= gap:
            positions.append(place)
            decades.append(decade)
    known = [power_of_ten(decade) for decade in decades]
    if not positions:
        first = float(f"{limits.limit:.0e}")
        first = first if first <= limits.limit else first * 0.9
        positions, known = [float(signed(np.array(first), limits))], [f"{first:.1g}"]
    places = [-place for place in positions] + [0.0] + positions[::-1]
    return places, ["−" + label for label in known] + ["0", *known[::-1]]


def power_of_ten(exponent: int) -> str:
    """10 to a whole power as text: 0.01 to 1000 in digits, others as 10⁻⁵."""
    if -2 <= exponent <= 3:
        return f"{10.0**exponent:g}"
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def scale_free(H: Array, by: Array | None = None) -> Array:
    """H̄_ij / √|H̄_ii H̄_jj|: the same whatever unit each group is measured in.

    Args:
        H: [S, S].
        by: The matrix whose diagonal divides, [S, S]; None: H itself.

    Returns:
        [S, S], its own diagonal ±1; NaN where a diagonal entry that divides is zero.
    """
    root = np.sqrt(np.abs(np.diag(H if by is None else by)))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = H / root[:, None] / root[None, :]
    return np.where(np.isfinite(scaled), scaled, np.nan)


def signs(H: Array, tolerance: float) -> str:
    """One clause about a symmetric matrix in scale-free variables: is it indefinite?

    Args:
        H: [S, S].
        tolerance: The size of an eigenvalue that is nothing but rounding, per group.

    Returns:
        How many of its eigenvalues are negative, or that none is.
    """
    if not np.isfinite(H).all():
        return "not finite"
    if not H.any():
        return "zero"
    negative = int((np.linalg.eigvalsh(H) < -tolerance * len(H)).sum())
    many = "one negative eigenvalue" if negative == 1 else f"{negative} negative eigenvalues"
    return many if negative else "positive semidefinite"


def inverse(H: Array) -> Inverse:
    """H̄⁻¹ by an eigendecomposition in scale-free variables; a pseudo-inverse where singular.

    Groups whose row is zero are inert: they have no inverse and are left out. The decision what
    is zero is made after dividing each row and column by its group's scale, so that it does not
    depend on the groups' units.

    Args:
        H: [S, S], symmetric.

    Returns:
        The inverse with its rank; all NaN when an entry is not finite.
    """
    matrix = np.full(H.shape, np.nan)
    if not np.isfinite(H).all():
        return Inverse(matrix, 0, 0, math.nan)
    live = np.flatnonzero(np.abs(H).max(axis=1, initial=0.0) > 0)
    if live.size == 0:
        return Inverse(matrix, 0, 0, math.nan)
    block = H[np.ix_(live, live)]
    diagonal = np.abs(np.diag(block))
    # A group without curvature of its own takes its scale from its largest coupling.
    root = np.sqrt(np.where(diagonal > 0, diagonal, np.abs(block).max(axis=1)))
    values, vectors = np.linalg.eigh(block / root[:, None] / root[None, :])
    size = np.abs(values)
    kept = size > live.size * np.finfo(float).eps * size.max()
    inverted = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    matrix[np.ix_(live, live)] = inverted / root[:, None] / root[None, :]
    return Inverse(matrix, int(kept.sum()), int(live.size), float(size.max() / size[kept].min()))


def block_order(roles: Sequence[str], order: str) -> NDArray[np.intp]:
    """The order in which the groups are shown.

    Args:
        roles: Each group's role, S of them.
        order: "tensor" keeps the model's order; "blocks" puts weights, then biases, then the
            rest, so that the matrix falls into weight–weight, bias–bias and weight–bias blocks.

    Returns:
        [S] the group shown at each place.
    """
    if order == "tensor":
        return np.arange(len(roles))
    rank = [_ROLE_ORDER.index(role) if role in _ROLE_ORDER else len(_ROLE_ORDER) for role in roles]
    return np.argsort(rank, kind="stable")


def block_means(matrix: Array, most: int = 256) -> Array:
    """A matrix no larger than ``most`` in each direction, by the means of blocks.

    Args:
        matrix: [S, S'].
        most: The largest number of rows and of columns to show.

    Returns:
        The matrix itself if small enough, else the means over nearly equal blocks.
    """
    for axis in (0, 1):
        length = matrix.shape[axis]
        if length > most:
            edges = np.linspace(0, length, most + 1).astype(int)
            sums = np.add.reduceat(matrix, edges[:-1], axis=axis)
            shape = [1, 1]
            shape[axis] = most
            matrix = sums / np.diff(edges).reshape(shape)
    return matrix


def thin(count: int, most: int) -> NDArray[np.intp]:
    """The places of at most ``most`` labels spread evenly over ``count`` places."""
    return np.arange(0, count, max(1, math.ceil(count / most)))


def decades(
    values: Array,
    previous: tuple[float, float] | None = None,
    *,
    least: float = 1.0,
    margin: float = 0.0,
) -> tuple[float, float]:
    """Whole decades that hold every positive value: limits that rarely move.

    Args:
        values: Any shape; only positive finite values count.
        previous: The limits before; they stay while they hold the values with not more than a
            decade to spare at either end.
        least: The smallest number of decades to show.
        margin: Decades to leave free at both ends before rounding.

    Returns:
        The lower and the upper limit; (0.01, 1) when no value is positive.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.size == 0:
        return 0.01, 1.0
    low = max(math.floor(math.log10(positive.min()) - margin), -300)
    high = max(math.ceil(math.log10(positive.max()) + margin), low + least)
    if previous is not None:
        spare = low - round(math.log10(previous[0])), round(math.log10(previous[1])) - high
        if all(0 <= decades <= 1 for decades in spare):
            return previous
    return 10.0**low, 10.0**high


def decade_ticks(low: float, high: float, most: int = 6) -> tuple[list[float], list[str]]:
    """Ticks at whole decades of a logarithmic axis, at most so many, and their labels.

    Args:
        low: The axis' lower limit, a power of ten.
        high: The axis' upper limit, a power of ten.
        most: The most ticks.

    Returns:
        The ticks and their labels.
    """
    first, last = round(math.log10(low)), round(math.log10(high))
    chosen = range(first, last + 1, max(1, math.ceil((last - first + 1) / most)))
    return [10.0**decade for decade in chosen], [power_of_ten(decade) for decade in chosen]


def steady(values: Array, *, zero: bool = False) -> tuple[float, float]:
    """Limits on round numbers for a linear axis: they move only when the data leave them.

    Args:
        values: Any shape; only finite values count.
        zero: Whether zero must be among the limits' span.

    Returns:
        The lower and the upper limit.
    """
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    size = max(abs(low), abs(high))
    # A span at rounding level is no span, and one too small to divide by is none either.
    span = max(high - low, 1e-9 * size, 1e-300) if high > low else size or 1.0
    unit = 10.0 ** math.floor(math.log10(span)) / 2
    return math.floor(low / unit) * unit, math.ceil(high / unit) * unit or unit
