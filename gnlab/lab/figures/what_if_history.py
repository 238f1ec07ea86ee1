"""Figure 6, over training: the measured decrease of one step at every level, as it was found.

Legend: L levels, T times that the curve was found.
"""

import numpy as np
from bokeh.models import CustomJSHover, LinearColorMapper

from gnlab.lab import scales
from gnlab.lab.figures import over_steps
from gnlab.lab.figures.base import (
    Plot,
    Update,
    hover,
    source_ticks,
    tagged,
)
from gnlab.runs import WhatIf

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
        The plot; its sources are "cells", "names" and "ticks".
    """
    mapper = tagged(LinearColorMapper(low=-1, high=1), palette="diverging", nan_color="nan")
    made, sources, cells = over_steps.build(name, mapper, "raw", height=300)
    reader = CustomJSHover(args={"names": sources["names"], "cells": sources["cells"]}, code=_HOVER)
    told = [("level", "$y{level}"), ("measured decrease", "$y{raw}")]
    hover(made, [cells], told, formatters={"$y": reader})
    return Plot(name, made, sources, source_ticks(made, sources, y="ticks"))


def update(what_if: WhatIf | None, limits: scales.Limits) -> Update:
    """The data of the measured decreases over training.

    Args:
        what_if: What was found, None for nothing.
        limits: The signed scale of the decreases.

    Returns:
        The new data: an image with a row for each level that was tried, and the time axis' limits.
    """
    if what_if is None or what_if.trials is None or len(what_if.steps) == 0:
        return over_steps.nothing("raw")
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
    labelled = scales.thin(wanted, 12)
    sizes = [f"S = {rung.num_groups}" for rung in what_if.trials.rungs[:wanted]]
    return Update(
        {
            "cells": over_steps.cells(first, last, image=scales.signed(shown, limits), raw=shown),
            "names": {"name": names},
            "ticks": {"at": middle[labelled], "label": [sizes[i] for i in labelled]},
        },
        (first, last),
    )
