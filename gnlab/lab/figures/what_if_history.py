"""Figure 6, over training: the measured decrease of one step at every level, as it was found.

Legend: L levels, T times that the curve was found.
"""

import numpy as np
from bokeh.models import CustomJSHover, LinearColorMapper

from gnlab.lab import scales
from gnlab.lab.figures.base import (
    Plot,
    Update,
    as_float,
    canvas,
    hover,
    source,
    source_ticks,
    tagged,
)
from gnlab.runs import WhatIf

_CELLS = ("image", "raw", "x", "y", "dw", "dh")

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
        The plot; its sources are "cells", "names" and "rows".
    """
    made = canvas(name, height=300, min_border_left=86)
    made.y_range.update(start=1, end=0)
    made.grid.visible = False
    made.xaxis.axis_label = "step"
    made.xaxis.ticker.min_interval = 1
    sources = {
        "cells": source(f"{name}-cells", *_CELLS),
        "names": source(f"{name}-names", "name"),
        "rows": source(f"{name}-rows", "at", "label"),
    }
    mapper = tagged(LinearColorMapper(low=-1, high=1), palette="diverging", nan_color="nan")
    cells = made.image(
        "image", x="x", y="y", dw="dw", dh="dh", source=sources["cells"], color_mapper=mapper
    )
    reader = CustomJSHover(args={"names": sources["names"], "cells": sources["cells"]}, code=_HOVER)
    told = [("level", "$y{level}"), ("measured decrease", "$y{raw}")]
    hover(made, [cells], told, formatters={"$y": reader})
    ticker = source_ticks(made.yaxis[0], sources["rows"])
    return Plot(name, made, sources, {"rows": ticker})


def update(what_if: WhatIf | None, limits: scales.Limits) -> Update:
    """The data of the measured decreases over training.

    Args:
        what_if: What was found, None for nothing.
        limits: The signed scale of the decreases.

    Returns:
        The new data: an image with a row for each level that was tried, and the time axis' limits.
    """
    if what_if is None or what_if.trials is None or len(what_if.steps) == 0:
        nothing = {"cells": {c: [] for c in _CELLS}, "rows": {"at": [], "label": []}}
        return Update({**nothing, "names": {"name": []}}, (0.0, 10.0))
    wanted = what_if.trials.wanted
    measured, steps = what_if.measured[:, :wanted].T, what_if.steps
    # Each column reaches to the next time that the curve was found.
    gap = float(np.median(np.diff(steps))) if len(steps) > 1 else 1.0
    edges = np.append(steps, steps[-1] + gap)
    columns = np.linspace(edges[0], edges[-1], min(300, 8 * len(steps)), endpoint=False)
    place = np.searchsorted(edges, columns, side="right") - 1
    names = [rung.label for rung in what_if.trials.rungs[:wanted]]
    middle = (np.arange(wanted) + 0.5) / wanted
    shown = scales.thin(wanted, 12)
    sizes = [f"S = {rung.num_groups}" for rung in what_if.trials.rungs[:wanted]]
    return Update(
        {
            "cells": {
                "image": [as_float(scales.signed(measured[:, place], limits))],
                "raw": [as_float(measured[:, place])],
                **{"x": [edges[0]], "y": [0.0], "dw": [edges[-1] - edges[0]], "dh": [1.0]},
            },
            "names": {"name": names},
            "rows": {"at": middle[shown], "label": [sizes[i] for i in shown]},
        },
        (float(edges[0]), float(edges[-1])),
    )
