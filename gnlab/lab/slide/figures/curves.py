"""A curve for each level: how far it still has to go, or its loss, after every step.

Legend: k steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnlab.lab import scales
from gnlab.lab.figures.base import (
    Columns,
    Plot,
    Span,
    Update,
    as_float,
    canvas,
    hover,
    legend,
    printf,
    source,
    source_ticks,
    tagged,
)

FILL: dict[str, Any] = {
    "sizing_mode": None, "width_policy": "max", "height_policy": "max", "max_height": 640,
}  # fmt: skip
"""For a figure that fills its card, which is as high as its neighbours, up to where more height
shows no more. Panel would make all that holds a figure stretch with it, if it were its
``sizing_mode``."""
FLOOR = 1e-16
"""Below it, relative to the start, all is rounding, and a curve has arrived."""
_PAD, _APART = 0.03, 0.2
"""In the number of a logarithmic axis' decades, the room above and below all, and the distance of
what has arrived from the lowest of them."""
_LINES = ("xs", "ys", "colour", "label", "width")
_DOTS = ("x", "y", "value", "colour", "label", "size")
_WIDTHS = (4.2, 2.0)
"""Of the coarsest level's curve and the finest's: one that lies on another leaves a rim of it."""
_ROUND = 1.6
"""How much wider than its curve a dot is."""
_ABREAST = 4
"""The most names in a row of the legend: more are wider than the narrowest card."""
_TICKS = 5
"""The most steps from one tick to the next along a logarithmic axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One level's curve.

    Attributes:
        label: The level's short name.
        colour: Its colour.
        values: A value after each step, the start's first, [k + 1].
    """

    label: str
    colour: str
    values: np.ndarray


def build(name: str, quantity: str, *, log: bool) -> Plot:
    """Build an empty figure of curves.

    Args:
        name: The figure's name.
        quantity: What is shown.
        log: Whether its axis is logarithmic.

    Returns:
        The plot; its sources are "lines", "dots", "theory" and, of a logarithmic axis, "ticks".
    """
    made = canvas(name, y_log=log, **FILL, min_height=280, min_border_left=58)
    made.xaxis.axis_label, made.yaxis.axis_label = "step", quantity
    sources = {
        "lines": source(f"{name}-lines", *_LINES),
        "dots": source(f"{name}-dots", *_DOTS),
        "theory": source(f"{name}-theory", "x", "y"),
    }
    made.xaxis[0].ticker.min_interval = 1
    made.multi_line(
        "xs", "ys", line_color="colour", line_width="width", source=sources["lines"],
        legend_field="label",
    )  # fmt: skip
    dots = made.scatter(
        "x", "y", source=sources["dots"], size="size", fill_color="colour", line_color=None
    )
    theory = made.line("x", "y", source=sources["theory"], line_width=1.5, line_dash="dashed")
    tagged(theory.glyph, line_color="ink")
    legend(made)
    made.legend[0].update(click_policy="none", spacing=8, glyph_width=10, ncols=_ABREAST)
    hover(
        made, [dots], [("", "@label"), ("step", "@x"), (quantity, "@value{%.4g}")],
        formatters=printf("value"),
    )  # fmt: skip
    if not log:
        return Plot(name, made, sources)
    sources["ticks"] = source(f"{name}-ticks", "at", "label")
    return Plot(name, made, sources, source_ticks(made, sources, y="ticks"))


def update(
    curves: Sequence[Curve], steps: int, *, log: bool, theory: np.ndarray | None = None
) -> Update:
    """The curves' data.

    Args:
        curves: The levels' curves, coarse to fine.
        steps: How many steps the axis has room for.
        log: Whether the axis is logarithmic.
        theory: What no step of Cauchy's method exceeds, [k + 1]; None where nothing is known.

    Returns:
        The new data and limits. On a logarithmic axis what has arrived stands at its foot, below
        the decades of all that has not: there is no further down to it than can be seen.
    """
    given = [curve.values for curve in curves]
    floor = max((FLOOR * float(np.nanmax(values)) for values in given), default=FLOOR)
    line = np.zeros(0) if theory is None else theory
    known = np.concatenate([*given, line])
    if log:
        low, high = _decades(known[np.isfinite(known) & (known > floor)])
        foot = _foot(low, high) if (known <= floor).any() else low
        limits = _padded(foot, high)
    else:
        foot, limits = -np.inf, scales.steady(known, zero=True)
        floor = -np.inf
    shown = [np.where(values > floor, values, foot) for values in given]
    widths = np.linspace(*_WIDTHS, max(len(curves), 2))
    lines = {
        "xs": [as_float(np.arange(len(one))) for one in shown],
        "ys": [as_float(one) for one in shown],
        "colour": [curve.colour for curve in curves],
        "label": [curve.label for curve in curves],
        "width": [float(width) for width, _ in zip(widths, curves, strict=False)],
    }
    dots = {
        "x": as_float(np.concatenate([np.arange(len(one)) for one in shown])),
        "y": as_float(np.concatenate(shown)),
        "value": as_float(np.concatenate([curve.values for curve in curves])),
        "colour": [curve.colour for curve in curves for _ in curve.values],
        "label": [curve.label for curve in curves for _ in curve.values],
        "size": [
            float(width) + _ROUND
            for width, curve in zip(widths, curves, strict=False)
            for _ in curve.values
        ],
    }
    bound = {
        "x": as_float(np.arange(len(line))), "y": as_float(np.where(line > floor, line, foot)),
    }  # fmt: skip
    data: dict[str, Columns] = {"lines": lines, "dots": dots, "theory": bound}
    if log:
        ticks = _ticks(low, high)
        if foot < low:
            ticks = {"at": [foot, *ticks["at"]], "label": ["0", *ticks["label"]]}
        data["ticks"] = ticks
    return Update(data, (0.0, float(max(steps, 1))), limits)


def _decades(values: np.ndarray) -> Span:
    """Whole decades that hold positive values, one at least, and that downwards."""
    if not values.size:
        return 0.01, 1.0
    logs = np.log10([values.min(), values.max()])
    high = math.ceil(logs[1])
    return 10.0 ** min(math.floor(logs[0]), high - 1), 10.0**high


def _foot(low: float, high: float) -> float:
    """Where what has arrived stands, below the decades of the rest."""
    return low / (high / low) ** _APART


def _padded(low: float, high: float) -> Span:
    """Limits with some room: no dot lies half outside."""
    room = (high / low) ** _PAD
    return low / room, high * room


def _ticks(low: float, high: float) -> Columns:
    """The ticks of a logarithmic axis: whole decades, of a single one its 1, 2 and 5 too."""
    first, last = round(math.log10(low)), round(math.log10(high))
    if last - first < 2:
        inner = [float(f"{digit}e{first}") for digit in (1, 2, 5)]
        labels = [*(scales.number(at) for at in inner), scales.power_of_ten(last)]
        return {"at": [*inner, high], "label": labels}
    apart = math.ceil((last - first) / _TICKS)
    chosen = [decade for decade in range(first, last + 1) if decade % apart == 0]
    return {
        "at": [10.0**decade for decade in chosen],
        "label": [scales.power_of_ten(decade) for decade in chosen],
    }
