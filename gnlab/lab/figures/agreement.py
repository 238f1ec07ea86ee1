"""Figure 5, second part: the decrease of the loss that the model predicted, and the real one.

Both are of the same step on the same summary batch, so the difference is the model's error alone.

Legend: T rows of the history.
"""

import numpy as np

from gnlab.lab import scales
from gnlab.lab.figures.base import (
    Plot,
    Update,
    as_float,
    canvas,
    hover,
    legend,
    source,
    source_ticks,
    span,
    tagged,
)
from gnlab.runs import History

_COLUMNS = ("step", "predicted", "measured", "predicted_text", "measured_text")


def build(name: str = "agreement") -> Plot:
    """Build the empty figure.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "lines" and "ticks".
    """
    made = canvas(name, height=340)
    made.y_range.update(start=-1.05, end=1.05)
    made.xaxis.axis_label = "step"
    made.yaxis.axis_label = "decrease of the loss in one step"
    sources = {
        "lines": source(f"{name}-lines", *_COLUMNS),
        "ticks": source(f"{name}-ticks", "at", "label"),
    }
    zero = made.hspan(0, line_width=1)
    tagged(zero.glyph, line_color="soft")
    lines = sources["lines"]
    predicted = made.line(
        "step", "predicted", source=lines, line_width=1.8, legend_label="predicted"
    )
    measured = made.scatter(
        "step", "measured", source=lines, size=5, line_color=None, legend_label="measured"
    )
    tagged(predicted.glyph, line_color="contrast")
    tagged(measured.glyph, fill_color="ink")
    legend(made)
    shown = [("step", "@step{0}"), ("predicted", "@predicted_text"), ("measured", "@measured_text")]
    hover(made, [measured], shown)
    return Plot(name, made, sources, source_ticks(made, sources, y="ticks"))


def values(history: History | None) -> np.ndarray:
    """Every decrease there is, for the scale's limits."""
    if history is None:
        return np.empty(0)
    return np.concatenate([history.decrease_predicted, history.decrease_measured])


def update(history: History | None, limits: scales.Limits) -> Update:
    """The figure's data for a history.

    Args:
        history: The run so far.
        limits: The signed scale of the decreases.

    Returns:
        The new data, of the steps at which a decrease was predicted, and the time axis' limits.
    """
    at, labels = scales.signed_ticks(limits)
    ticks = {"at": as_float(at), "label": labels}
    if history is None:
        return Update({"lines": {c: [] for c in _COLUMNS}, "ticks": ticks}, (0.0, 10.0))
    known = np.isfinite(history.decrease_predicted)
    predicted, measured = history.decrease_predicted[known], history.decrease_measured[known]
    return Update(
        {
            "lines": {
                "step": as_float(history.step[known]),
                "predicted": as_float(scales.signed(predicted, limits)),
                "measured": as_float(scales.signed(measured, limits)),
                "predicted_text": [f"{value:.3g}" for value in predicted],
                "measured_text": [f"{value:.3g}" for value in measured],
            },
            "ticks": ticks,
        },
        span(history.step),
        below_zero_only_if_needed(measured, predicted),
    )


def below_zero_only_if_needed(*series: np.ndarray) -> tuple[float, float]:
    """The limits of a signed scale's axis: its negative half only when something lies there."""
    negative = any(bool((values < 0).any()) for values in series)
    return (-1.05 if negative else -0.12), 1.05
