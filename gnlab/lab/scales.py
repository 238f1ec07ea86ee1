"""Scales: from a summary's numbers to what a colour or a position can show. No pixels, no UI.

Signed matrices span many decades with both signs, so they are shown on an arcsinh scale that is
linear below ε and logarithmic above, with symmetric limits so that zero is always the neutral
colour. Values that are not numbers stay so, and get a colour of their own.

Legend: ε where arcsinh turns from linear to log.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

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
        positions, known = [float(signed(np.array(first), limits))], [_round_number(first)]
    places = [-place for place in positions] + [0.0] + positions[::-1]
    return places, ["−" + label for label in known] + ["0", *known[::-1]]


def _round_number(value: float) -> str:
    """A number with one digit that is not zero as text: 900 in digits, others as 9·10⁻⁵."""
    digit, exponent = f"{value:.0e}".split("e")
    if -2 <= int(exponent) <= 3:
        return f"{float(f'{value:.0e}'):g}"
    return f"{digit}·{power_of_ten(int(exponent))}"


def number(value: float, digits: int = 3) -> str:
    """A number as text that is never long: 1870 and 0.0187 in digits, others as 2.66·10⁴.

    Args:
        value: The number.
        digits: How many digits to show; more only of a whole number below 10 000.

    Returns:
        The text.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 1e-3 <= abs(value) < 9999.5:
        return f"{value:.{max(digits, 4) if abs(value) >= 1000 else digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{float(mantissa):g}·{power_of_ten(int(exponent))}"


def power_of_ten(exponent: int) -> str:
    """10 to a whole power as text: 0.01 to 1000 in digits, others as 10⁻⁵."""
    if -2 <= exponent <= 3:
        return f"{10.0**exponent:g}"
    return "10" + str(exponent).translate(_SUPERSCRIPT)


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
    # What is so near zero that it vanishes in a quotient is within the limits all the same.
    least, most = math.floor(low / unit) * unit, math.ceil(high / unit) * unit or unit
    return min(least, low), max(most, high)
