"""Figure 3, over time: the step size of every group since the partition was chosen.

Legend: S groups, T rows of the history; η [T, S].
"""

import numpy as np
from bokeh.models import CustomJSHover, CustomJSTickFormatter, LinearColorMapper

from gnlab.lab import matrices, scales
from gnlab.lab.figures import over_steps
from gnlab.lab.figures.base import (
    Plot,
    Span,
    Update,
    hover,
    rows,
    source_ticks,
    tagged,
)
from gnlab.runs import History

_COLUMNS_SHOWN = 300

_HOVER = """
const S = names.data.name.length
const row = Math.min(S - 1, Math.max(0, Math.floor(special_vars.y * S)))
if (format == "row") return names.data.name[row]
if (format == "step") return Math.round(special_vars.x).toString()
const image = cells.data.image[0]
const T = image.length / S
const share = (special_vars.x - cells.data.x[0]) / cells.data.dw[0]
const column = Math.min(T - 1, Math.max(0, Math.floor(share * T)))
const exponent = image[row * T + column]
if (!Number.isFinite(exponent)) return "not defined"
return exponent < mapper.low ? "0" : (10 ** exponent).toExponential(2)
"""

_POWER = """
const up = (text) => [...text].map((c) => c == "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("")
return Number.isInteger(tick) ? "10" + up(tick.toString()) : ""
"""


def build(name: str = "rates-history") -> Plot:
    """Build the empty figure.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "cells", "names" and "ticks".
    """
    mapper = tagged(
        LinearColorMapper(low=-2, high=0), palette="sequential", nan_color="nan", low_color="line"
    )
    made, sources, cells = over_steps.build(name, mapper, height=258, min_border_right=10)
    bar = over_steps.colour_bar(mapper, formatter=CustomJSTickFormatter(code=_POWER))
    made.add_layout(bar, "right")
    reader = CustomJSHover(
        args={"names": sources["names"], "cells": sources["cells"], "mapper": mapper}, code=_HOVER
    )
    shown = [("group", "$y{row}"), ("step", "$y{step}"), ("η", "$y{raw}")]
    hover(made, [cells], shown, formatters={"$y": reader})
    return Plot(name, made, sources, source_ticks(made, sources, y="ticks"), mapper)


def update(
    history: History | None, roles: tuple[str, ...], order: str, before: Span | None = None
) -> Update:
    """The figure's data for a history.

    Args:
        history: The run so far.
        roles: The groups' roles; of another length than the history's groups for a moment after
            a change of the partition, and then nothing is shown.
        order: One of ``matrices.ORDERS``.
        before: The limits of log₁₀ η's colours now, to stay if they can.

    Returns:
        The new data: log₁₀ η as an image [S, T], below the palette where η is zero.
    """
    empty = history is None or len(history.step_size) == 0 or len(roles) != len(history.groups)
    if empty:
        return over_steps.nothing()
    place = matrices.block_order(roles, order)
    picked = np.unique(np.linspace(0, len(history.step_size) - 1, _COLUMNS_SHOWN).astype(int))
    sizes = history.step_size[picked][:, place]
    # Whole decades: the colours' meaning changes rarely, and by steps one can see.
    shown = None if before is None else (10.0 ** before[0], 10.0 ** before[1])
    low, high = scales.decades(sizes, shown)
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.log10(sizes)
    # Below the palette: a step size that is zero has a colour of its own.
    exponent = np.where(sizes <= 0, np.log10(low) - 1, exponent)
    first = float(history.since_step - 1)
    last = max(float(history.step_size_step[-1]), first + 1)
    _, ticks = rows(history.groups, place)
    return Update(
        {
            "cells": over_steps.cells(first, last, image=exponent.T),
            "names": {"name": [history.groups[group] for group in place]},
            "ticks": ticks,
        },
        x=(first, last),
        z=(float(np.log10(low)), float(np.log10(high))),
    )
