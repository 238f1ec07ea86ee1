"""Figure 6, over training: the measured decrease of one step at every level, as it was found.

Legend: L levels, T times that the curve was found.
"""

import numpy as np
from bokeh.models import CustomJSHover, FixedTicker, LinearColorMapper

from gnlab.lab import scales
from gnlab.lab.figures import over_steps
from gnlab.lab.figures.base import (
    TEXT,
    Plot,
    Update,
    as_float,
    hover,
    labelled,
    source,
    source_ticks,
    tagged,
)
from gnlab.runs import WhatIf

NOTHING = "Over training: what the step at each level\nwould really have brought, in colours."
TRYING = "The levels are tried, one by one:\nthe first column comes with the last of them."

_HOVER = """
const L = names.data.name.length
const row = Math.min(L - 1, Math.max(0, Math.floor(special_vars.y * L)))
if (format == "level") return names.data.name[row]
const T = cells.data.raw[0].length / L
const share = (special_vars.x - cells.data.x[0]) / cells.data.dw[0]
const column = Math.min(T - 1, Math.max(0, Math.floor(share * T)))
const raw = cells.data.raw[0][row * T + column]
return Number.isFinite(raw) ? raw.toExponential(2) : "no step"
"""


def build(name: str = "what-if-history") -> Plot:
    """Build the empty figure of the measured decreases over training.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "cells", "names", "ticks", "colours" and "note".
    """
    mapper = tagged(LinearColorMapper(low=-1, high=1), palette="diverging", nan_color="nan")
    made, sources, cells = over_steps.build(name, mapper, "raw", height=300, min_border_right=66)
    colours = sources["colours"] = source(f"{name}-colours", "at", "label")
    notes = sources["note"] = source(f"{name}-note", "x", "y", "text")
    bar = over_steps.colour_bar(mapper, ticker=FixedTicker(ticks=[]))
    labelled(bar, colours)
    made.add_layout(bar, "right")
    note = made.text("x", "y", "text", source=notes, text_align="center", **TEXT)
    tagged(note.glyph, text_color="soft")
    reader = CustomJSHover(args={"names": sources["names"], "cells": sources["cells"]}, code=_HOVER)
    told = [("level", "$y{level}"), ("measured decrease", "$y{raw}")]
    hover(made, [cells], told, formatters={"$y": reader})
    tickers = source_ticks(made, sources, y="ticks") | {"colours": bar.ticker}
    return Plot(name, made, sources, tickers)


def update(what_if: WhatIf | None, limits: scales.Limits) -> Update:
    """The data of the measured decreases over training.

    Args:
        what_if: What was found, None for nothing.
        limits: The signed scale of the decreases.

    Returns:
        The new data: an image with a row for each level that was tried, and the time axis' limits.
    """
    at, labels = scales.signed_ticks(limits)
    colours = {"at": as_float(at), "label": labels}
    if what_if is None or what_if.trials is None or len(what_if.steps) == 0:
        empty = over_steps.nothing("raw")
        text = NOTHING if what_if is None or what_if.trials is None else TRYING
        note = {"x": [5.0], "y": [0.45], "text": [text]}
        return Update({**empty.data, "colours": {"at": [], "label": []}, "note": note}, empty.x)
    wanted = what_if.trials.wanted
    measured, steps = what_if.measured[:, :wanted].T, what_if.steps
    # Each column reaches to the next time that the curve was found.
    gap = float(np.median(np.diff(steps))) if len(steps) > 1 else 1.0
    edges = np.append(steps, steps[-1] + gap)
    first, last = float(edges[0]), float(edges[-1])
    columns = np.linspace(first, last, min(300, 8 * len(steps)), endpoint=False)
    shown = measured[:, np.searchsorted(edges, columns, side="right") - 1]
    names = [rung.label for rung in what_if.trials.rungs[:wanted]]
    middle = (np.arange(wanted) + 0.5) / wanted
    shown_at = scales.thin(wanted, 12)
    sizes = [f"S = {rung.num_groups}" for rung in what_if.trials.rungs[:wanted]]
    return Update(
        {
            "cells": over_steps.cells(first, last, image=scales.signed(shown, limits), raw=shown),
            "names": {"name": names},
            "ticks": {"at": middle[shown_at], "label": [sizes[i] for i in shown_at]},
            "colours": colours,
            "note": {"x": [], "y": [], "text": []},
        },
        (first, last),
    )
