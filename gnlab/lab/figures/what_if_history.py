"""Figure 6, over training: the decrease of one step at every level, promised and real.

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

QUANTITIES = ("predicted", "measured")
"""What is shown over training, a figure each: what the level's model promises, what comes true."""
NOTHING = {
    "predicted": "Over training: what each level's model\npromises of the step, in colours.",
    "measured": "Over training: what the step at each level\nwould have brought, in colours.",
}
TRYING = "The levels are tried, one by one:\nthe first column comes\nwith the last of them."
_TERM = {True: "", False: ", no cubic term"}
_READ = ("term", "free", "seconds")
"""The images that only the tooltip reads: the decrease with the cubic term, without, the cost."""

_HOVER = """
const L = names.data.name.length
const row = Math.min(L - 1, Math.max(0, Math.floor(special_vars.y * L)))
if (format == "level") return names.data.name[row]
const T = cells.data.term[0].length / L
const share = (special_vars.x - cells.data.x[0]) / cells.data.dw[0]
const column = Math.min(T - 1, Math.max(0, Math.floor(share * T)))
const read = (name) => cells.data[name][0][row * T + column]
if (format == "seconds") return `${(1000 * read(format)).toPrecision(3)} ms`
const told = (raw) => Number.isFinite(raw) ? raw.toExponential(2) : "no step"
return `${told(read("term"))} (λ_int = 0: ${told(read("free"))})`
"""


def build() -> tuple[Plot, ...]:
    """Build the empty figures of the decreases over training.

    Returns:
        The plots "what-if-predicted" and "what-if-measured"; their sources are "cells", "names",
        "ticks", "colours" and "note".
    """
    return tuple(_build(quantity) for quantity in QUANTITIES)


def _build(quantity: str) -> Plot:
    """One of the figures."""
    name = f"what-if-{quantity}"
    mapper = tagged(LinearColorMapper(low=-1, high=1), palette="diverging", nan_color="nan")
    made, sources, cells = over_steps.build(name, mapper, *_READ, height=250, min_border_right=66)
    made.y_range.update(end=-0.13)  # a line's room above the image, for its title
    colours = sources["colours"] = source(f"{name}-colours", "at", "label")
    notes = sources["note"] = source(f"{name}-note", "x", "y", "text")
    bar = over_steps.colour_bar(mapper, ticker=FixedTicker(ticks=[]))
    labelled(bar, colours)
    made.add_layout(bar, "right")
    note = made.text("x", "y", "text", source=notes, text_align="center", **TEXT)
    tagged(note.glyph, text_color="soft")
    reader = CustomJSHover(args={"names": sources["names"], "cells": sources["cells"]}, code=_HOVER)
    told = [("level", "$y{level}"), (quantity, "$y{decrease}"), ("summary", "$y{seconds}")]
    hover(made, [cells], told, formatters={"$y": reader})
    tickers = source_ticks(made, sources, y="ticks") | {"colours": bar.ticker}
    return Plot(name, made, sources, tickers)


def update(
    what_if: WhatIf | None, limits: scales.Limits, *, cubic: bool = True
) -> dict[str, Update]:
    """The data of the decreases over training.

    Args:
        what_if: What was found, None for nothing.
        limits: The signed scale of the decreases, one for both figures.
        cubic: Whether the steps with the cubic term are shown, or those without.

    Returns:
        The new data by the plot's name: an image with a row for each level that was tried, and the
        time axis' limits.
    """
    trials = None if what_if is None else what_if.trials
    if what_if is None or trials is None or len(what_if.steps) == 0:
        return {
            f"what-if-{quantity}": _empty(NOTHING[quantity] if trials is None else TRYING)
            for quantity in QUANTITIES
        }
    return {
        f"what-if-{quantity}": _update(what_if, getattr(what_if, quantity), limits, quantity, cubic)
        for quantity in QUANTITIES
    }


def _empty(text: str) -> Update:
    """What stands in an image's place."""
    empty = over_steps.nothing(*_READ)
    note = {"x": [5.0], "y": [0.45], "text": [text]}
    return Update({**empty.data, "colours": {"at": [], "label": []}, "note": note}, empty.x)


def _update(
    what_if: WhatIf, decrease: np.ndarray, limits: scales.Limits, quantity: str, cubic: bool
) -> Update:
    """One figure's data."""
    assert what_if.trials is not None
    wanted, steps = what_if.trials.wanted, what_if.steps
    # Each column reaches to the next time that the curve was found.
    gap = float(np.median(np.diff(steps))) if len(steps) > 1 else 1.0
    edges = np.append(steps, steps[-1] + gap)
    first, last = float(edges[0]), float(edges[-1])
    columns = np.linspace(first, last, min(300, 8 * len(steps)), endpoint=False)
    at = np.searchsorted(edges, columns, side="right") - 1

    def image(values: np.ndarray) -> np.ndarray:
        return values[at, :wanted].T

    with_term, without = image(decrease[..., 0]), image(decrease[..., 1])
    rungs = what_if.trials.rungs[:wanted]
    middle = (np.arange(wanted) + 0.5) / wanted
    shown_at = scales.thin(wanted, 12)
    sizes = [f"S = {rung.num_groups}" for rung in rungs]
    title = f"{quantity} decrease{_TERM[cubic]}"
    places, labels = scales.signed_ticks(limits)
    return Update(
        {
            "cells": over_steps.cells(
                first, last, image=scales.signed(with_term if cubic else without, limits),
                term=with_term, free=without, seconds=image(what_if.seconds),
            ),
            "names": {"name": [rung.label for rung in rungs]},
            "ticks": {"at": middle[shown_at], "label": [sizes[i] for i in shown_at]},
            "colours": {"at": as_float(places), "label": labels},
            "note": {"x": [(first + last) / 2], "y": [-0.04], "text": [title]},
        },
        (first, last),
    )  # fmt: skip
