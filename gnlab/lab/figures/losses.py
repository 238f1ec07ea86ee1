"""Figure 5: training loss, validation loss and accuracy over time.

Legend: T rows of the history.
"""

import numpy as np

from gnlab.lab import scales
from gnlab.lab.figures.base import (
    TEXT,
    Plot,
    Update,
    as_float,
    canvas,
    hover,
    legend,
    source,
    span,
    tagged,
)
from gnlab.runs import History

_MEMORY = 0.9
"""The share of the past in the smoothed training loss, per row of the history."""


def build(name: str = "loss") -> Plot:
    """Build the empty figure of the losses.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "train" and "validation".
    """
    made = canvas(name, height=205)
    made.yaxis.axis_label = "loss"
    sources = {
        "train": source(f"{name}-train", "step", "loss", "smooth"),
        "validation": source(f"{name}-validation", "step", "loss"),
    }
    raw = made.line("step", "loss", source=sources["train"], line_width=1, line_alpha=0.3)
    smooth = made.line(
        "step", "smooth", source=sources["train"], line_width=2, legend_label="training, smoothed"
    )
    for line in (raw, smooth):
        tagged(line.glyph, line_color="ink")
    dots = {"source": sources["validation"], "legend_label": "validation"}
    curve = made.line("step", "loss", line_width=1.6, **dots)
    points = made.scatter("step", "loss", size=4, line_color=None, **dots)
    tagged(curve.glyph, line_color="accent")
    tagged(points.glyph, fill_color="accent")
    legend(made)
    hover(
        made,
        [smooth],
        [("step", "@step{0}"), ("minibatch", "@loss{0.0000}"), ("smoothed", "@smooth{0.0000}")],
    )
    hover(made, [points], [("step", "@step{0}"), ("validation", "@loss{0.0000}")])
    return Plot(name, made, sources)


def update(history: History | None) -> Update:
    """The losses' data for a history.

    Args:
        history: The run so far.

    Returns:
        The new data and limits, the loss axis starting at zero for losses that are positive.
    """
    if history is None:
        nothing = {
            "train": {"step": [], "loss": [], "smooth": []},
            "validation": {"step": [], "loss": []},
        }
        return Update(nothing, (0.0, 10.0), (0.0, 1.0))
    measured = np.isfinite(history.val_loss)
    validation = {"step": history.step[measured], "loss": history.val_loss[measured]}
    train = {"step": history.step, "loss": history.loss, "smooth": smoothed(history.loss)}
    shown = np.concatenate([train["smooth"], validation["loss"], history.loss[:1]])
    return Update(
        {
            "train": {name: as_float(column) for name, column in train.items()},
            "validation": {name: as_float(column) for name, column in validation.items()},
        },
        span(history.step),
        scales.steady(shown, zero=True),
    )


def build_accuracy(name: str = "accuracy") -> Plot:
    """Build the empty figure of the validation accuracy.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "lines" and "note".
    """
    made = canvas(name, height=135, min_border_top=4)
    made.y_range.update(start=0, end=1.02)
    made.yaxis.ticker = [0, 0.5, 1]
    made.yaxis.axis_label = "accuracy"
    made.xaxis.axis_label = "step"
    lines = source(f"{name}-lines", "step", "accuracy")
    curve = made.line("step", "accuracy", source=lines, line_width=1.6)
    points = made.scatter("step", "accuracy", source=lines, size=4, line_color=None)
    tagged(curve.glyph, line_color="accent")
    tagged(points.glyph, fill_color="accent")
    hover(made, [points], [("step", "@step{0}"), ("accuracy", "@accuracy{0.0 %}")])
    notes = source(f"{name}-note", "x", "y", "text")
    note = made.text("x", "y", "text", source=notes, text_align="center", **TEXT)
    tagged(note.glyph, text_color="soft")
    return Plot(name, made, {"lines": lines, "note": notes})


def update_accuracy(history: History | None) -> Update:
    """The accuracy's data for a history.

    Args:
        history: The run so far.

    Returns:
        The new data and the time axis' limits.
    """
    note: dict[str, list[object]] = {"x": [], "y": [], "text": []}
    if history is None:
        return Update({"lines": {"step": [], "accuracy": []}, "note": note}, (0.0, 10.0))
    known = np.isfinite(history.accuracy)
    lines = {"step": as_float(history.step[known]), "accuracy": as_float(history.accuracy[known])}
    limits = span(history.step)
    # The first step is measured: what has no accuracy then has none.
    if history.step.size and not known.any():
        note = {"x": [sum(limits) / 2], "y": [0.4], "text": ["no accuracy here"]}
    return Update({"lines": lines, "note": note}, limits)


def smoothed(values: np.ndarray, memory: float = _MEMORY) -> np.ndarray:
    """The exponential moving average of a series, free of the bias of its start, [T].

    Args:
        values: [T]; values that are not finite are passed over.
        memory: The share of the past, in [0, 1).

    Returns:
        [T], NaN until the first finite value.
    """
    mean, weight = 0.0, 0.0
    result = np.full(values.shape, np.nan)
    for row, value in enumerate(values):
        if np.isfinite(value):
            mean = memory * mean + (1 - memory) * value
            weight = memory * weight + (1 - memory)
        if weight > 0:
            result[row] = mean / weight
    return result
