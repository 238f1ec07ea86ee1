"""Figure 4: the scalars of the cubic solve over time: λ, r = ‖Dη‖, r₀ and the least eigenvalue.

Legend: T rows of the history; K = D⁻¹H̄D⁻¹, κ_min its smallest eigenvalue, r₀ = max(0, −2κ_min/λ)
the least radius at which the cubic model is convex.
"""

from collections.abc import Mapping

import numpy as np

from gnlab.lab import scales
from gnlab.lab.figures.base import (
    Columns,
    Plot,
    Span,
    Update,
    as_float,
    canvas,
    decade_ticks,
    hover,
    legend,
    printf,
    source,
    source_ticks,
    span,
    tagged,
)
from gnlab.runs import History

_LINES = (
    ("radius", "r = ‖Dη‖", "ink", "solid"),
    ("radius_min", "r₀", "accent", "dashed"),
    ("damping", "λ_int", "contrast", "solid"),
    ("lr", "λ₁", "other", "dotted"),
    ("taken", "λ₁ taken", "other", "solid"),
)
_COLUMNS = ("step", "least", *(name for name, *_ in _LINES))
_GAPPED = ("radius_min", "taken")
"""What is missing at some steps: a line has a gap there, and does not reach a value between two."""


def build(name: str = "trust") -> Plot:
    """Build the empty figure of the positive scalars.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "lines", "alone" and "decades".
    """
    made = canvas(name, y_log=True, height=205)
    lines, alone = source(f"{name}-lines", *_COLUMNS), source(f"{name}-alone", "step", *_GAPPED)
    sources = {"lines": lines, "alone": alone, "decades": source(f"{name}-decades", "at", "label")}
    drawn = []
    for column, label, colour, dash in _LINES:
        line = made.line(
            "step", column, source=lines, line_width=1.8, line_dash=dash, legend_label=label
        )
        tagged(line.glyph, line_color=colour)
        drawn.append(line)
        if column in _GAPPED:
            dots = made.scatter(
                "step", column, source=alone, size=3.5, line_color=None, legend_label=label
            )
            tagged(dots.glyph, fill_color=colour)
    legend(made, many=True)
    # r₀ is often zero, which has no place on a logarithmic axis, but is a number to be told.
    told = {column: column for column, *_ in _LINES} | {"radius_min": "least"}
    shown = [("step", "@step{0}"), *((label, f"@{told[c]}{{%.3g}}") for c, label, *_ in _LINES)]
    hover(made, drawn[:1], shown, mode="vline", formatters=printf(*told.values()))
    return Plot(name, made, sources, source_ticks(made, sources, y="decades"))


def update(history: History | None, before: Span | None = None) -> Update:
    """The positive scalars' data for a history.

    Args:
        history: The run so far.
        before: The limits of the decades that are shown now, to stay if they can.

    Returns:
        The new data and limits; a value that is not positive leaves a gap, and one between two
        gaps is a dot.
    """
    if history is None:
        nothing = {
            "lines": {column: [] for column in _COLUMNS},
            "alone": {column: [] for column in ("step", *_GAPPED)},
        }
        return Update(nothing | {"decades": decade_ticks(0.01, 1.0, 5)}, (0.0, 10.0), (0.01, 1.0))
    columns = {column: filled(getattr(history, column)) for column, *_ in _LINES}
    columns["taken"] = columns["lr"] * columns["taken"]
    together = np.concatenate(list(columns.values()))
    positive = {name: np.where(value > 0, value, np.nan) for name, value in columns.items()}
    data = {"step": history.step, "least": columns["radius_min"], **positive}
    low, high = scales.decades(together, before, margin=0.05)
    return Update(
        {
            "lines": {name: as_float(value) for name, value in data.items()},
            "alone": _alone(history.step, {name: positive[name] for name in _GAPPED}),
            "decades": decade_ticks(low, high, 5),
        },
        span(history.step),
        (low, high),
    )


def _alone(step: np.ndarray, series: Mapping[str, np.ndarray]) -> Columns:
    """The steps [T'] at which a value of some series has no neighbour, and those values."""
    found = {}
    for name, values in series.items():
        known = np.pad(np.isfinite(values), 1)
        found[name] = np.where(known[:-2] | known[2:], np.nan, values)
    some = np.any([np.isfinite(values) for values in found.values()], axis=0)
    return {name: as_float(values[some]) for name, values in {"step": step, **found}.items()}


def build_eigenvalue(name: str = "eigenvalue") -> Plot:
    """Build the empty figure of κ_min on its signed scale.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "lines" and "ticks".
    """
    made = canvas(name, height=135, min_border_top=4)
    made.y_range.update(start=-1.08, end=1.08)
    made.xaxis.axis_label = "step"
    made.yaxis.axis_label = "κ_min"
    sources = {
        "lines": source(f"{name}-lines", "step", "shown", "value"),
        "ticks": source(f"{name}-ticks", "at", "label"),
    }
    zero = made.hspan(0, line_width=1)
    tagged(zero.glyph, line_color="soft")
    line = made.line("step", "shown", source=sources["lines"], line_width=1.8)
    tagged(line.glyph, line_color="ink")
    hover(
        made,
        [line],
        [("step", "@step{0}"), ("κ_min", "@value{%.3g}")],
        mode="vline",
        formatters=printf("value"),
    )
    return Plot(name, made, sources, source_ticks(made, sources, y="ticks"))


def update_eigenvalue(history: History | None, limits: scales.Limits) -> Update:
    """κ_min's data for a history.

    Args:
        history: The run so far.
        limits: The signed scale.

    Returns:
        The new data and the time axis' limits.
    """
    at, labels = scales.signed_ticks(limits, gap=0.45)
    ticks = {"at": as_float(at), "label": labels}
    if history is None:
        nothing = {"step": [], "shown": [], "value": []}
        return Update({"lines": nothing, "ticks": ticks}, (0.0, 10.0))
    value = filled(history.eigenvalue_min)
    lines = {"step": history.step, "shown": scales.signed(value, limits), "value": value}
    return Update(
        {"lines": {name: as_float(column) for name, column in lines.items()}, "ticks": ticks},
        span(history.step),
    )


def filled(values: np.ndarray) -> np.ndarray:
    """Hold the last value that was measured through the rows where none was, [T]."""
    known = np.where(np.isnan(values), -1, np.arange(values.size))
    last = np.maximum.accumulate(known) if values.size else known
    return np.where(last >= 0, values[last], np.nan) if values.size else values
