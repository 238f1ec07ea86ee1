"""Figure 1: a symmetric matrix between groups, H̄ or H̄⁻¹, as square cells with names and values.

The matrix fills the unit square whatever S is, and everything around it (the names, the strip of
the groups' roles, the colour bar) is drawn as glyphs in the same fixed frame: a change of S
moves no layout.

Legend: S groups, H̄ [S, S]; row 0 is at the top.
"""

from collections.abc import Sequence

import numpy as np
from bokeh.models import CustomJSHover, LinearColorMapper, Range1d

from gnlab.lab import matrices, palettes, scales
from gnlab.lab.figures.base import (
    BORDERLESS,
    LABELS,
    TEXT,
    Plot,
    Update,
    as_float,
    canvas,
    hover,
    short_name,
    source,
    tagged,
)

_WIDTH, _HEIGHT = (-0.27, 1.045), (-0.26, 1.2)
_CELLS = ("image", "raw", "x", "y", "dw", "dh")

_HOVER = """
const S = names.data.name.length
const column = Math.min(S - 1, Math.max(0, Math.floor(special_vars.x * S)))
const row = Math.min(S - 1, Math.max(0, Math.floor((1 - special_vars.y) * S)))
if (format == "row") return names.data.name[row]
if (format == "column") return names.data.name[column]
const raw = cells.data.raw[0][row * S + column]
return Number.isFinite(raw) ? raw.toExponential(3) : "not defined"
"""


def build(name: str, quantity: str) -> Plot:
    """Build the empty figure.

    Args:
        name: The figure's name.
        quantity: What a cell shows, for the tooltip.

    Returns:
        The plot; its sources are "cells", "names", "strip", "labels", "blocks", "bar" and "note".
    """
    ratio = (_WIDTH[1] - _WIDTH[0]) / (_HEIGHT[1] - _HEIGHT[0])
    made = canvas(
        name, sizing_mode="scale_width", aspect_ratio=ratio, width=460, height=round(460 / ratio),
        **BORDERLESS,
    )  # fmt: skip
    made.x_range, made.y_range = Range1d(*_WIDTH), Range1d(*_HEIGHT)
    made.axis.visible = False
    made.grid.visible = False
    sources = {
        "cells": source(f"{name}-cells", *_CELLS),
        "names": source(f"{name}-names", "name"),
        "strip": source(f"{name}-strip", "x", "y", "width", "height", "color"),
        "labels": source(f"{name}-labels", "x", "y", "text", "angle", "color"),
        "blocks": source(f"{name}-blocks", "x0", "y0", "x1", "y1"),
        "bar": source(f"{name}-bar", "x", "text"),
        "note": source(f"{name}-note", "x", "y", "text"),
    }
    mapper = tagged(LinearColorMapper(low=-1, high=1), palette="diverging", nan_color="nan")
    cells = made.image(
        "image", x="x", y="y", dw="dw", dh="dh", source=sources["cells"], origin="top_left",
        color_mapper=mapper,
    )  # fmt: skip
    _surroundings(made, sources, mapper)
    reader = CustomJSHover(args={"names": sources["names"], "cells": sources["cells"]}, code=_HOVER)
    rows = [("row", "$y{row}"), ("column", "$y{column}"), (quantity, "$y{raw}")]
    hover(made, [cells], rows, formatters={"$y": reader})
    return Plot(name, made, sources)


def _surroundings(made, sources, mapper) -> None:
    """Draw what stands around the cells: strips, names, block borders, colour bar, note."""
    frame = made.rect(x=0.5, y=0.5, width=1, height=1, fill_alpha=0, line_width=1)
    tagged(frame.glyph, line_color="line")
    made.rect(
        "x", "y", "width", "height", source=sources["strip"], fill_color="color", line_color=None
    )
    made.text(
        "x", "y", "text", angle="angle", text_color="color", source=sources["labels"],
        text_align="right", text_baseline="middle", **TEXT,
    )  # fmt: skip
    borders = made.segment("x0", "y0", "x1", "y1", source=sources["blocks"], line_width=1.5)
    tagged(borders.glyph, line_color="ink")
    ramp = np.linspace(-1, 1, 256)[None, :]
    made.image([ramp], x=0, y=1.03, dw=1, dh=0.03, color_mapper=mapper)
    ticks = made.text("x", 1.075, "text", source=sources["bar"], text_align="center", **TEXT)
    note = made.text(
        "x", "y", "text", source=sources["note"], text_align="center", text_baseline="bottom",
        **TEXT,
    )  # fmt: skip
    for text in (ticks, note):
        tagged(text.glyph, text_color="soft")


def update(
    shown: np.ndarray | None,
    names: Sequence[str],
    roles: Sequence[str],
    limits: scales.Limits,
    order: str,
    theme: palettes.Theme,
    note: str = "",
) -> Update:
    """The figure's data for a matrix.

    Args:
        shown: The matrix [S, S] in the model's order of groups; None for the empty state.
        names: The groups' names.
        roles: The groups' roles.
        limits: The colour scale.
        order: One of ``matrices.ORDERS``.
        theme: Colours for the roles.
        note: One line above the matrix, or in its place.

    Returns:
        The new data; NaN entries stay NaN.
    """
    if shown is None:
        why = note or "Press Play: the first summary appears here."
        empty = {"x": [0.5], "y": [0.5], "text": [why]}
        return Update({**_nothing(), "note": empty})
    place = matrices.block_order(roles, order)
    values = matrices.block_means(shown[np.ix_(place, place)])
    size = values.shape[0]
    kept = np.linspace(0, len(place), size, endpoint=False).astype(int)
    place = place[kept]
    coloured = [theme.role(roles[group]) for group in place]
    ticks, text = scales.signed_ticks(limits)
    return Update(
        {
            "cells": {
                "image": [as_float(scales.signed(values, limits))],
                "raw": [as_float(values)],
                **{key: [value] for key, value in (("x", 0), ("y", 0), ("dw", 1), ("dh", 1))},
            },
            "names": {"name": [names[group] for group in place]},
            "strip": _strip(size, coloured),
            "labels": _labels([short_name(names[group]) for group in place], coloured),
            "blocks": _blocks([roles[group] for group in place], order),
            "bar": {"x": as_float((np.array(ticks) + 1) / 2), "text": text},
            "note": {"x": [0.5], "y": [1.135], "text": [note]},
        }
    )


def _nothing() -> dict[str, dict[str, list]]:
    """Empty columns for every source."""
    columns = {
        "cells": _CELLS,
        "names": ("name",),
        "strip": ("x", "y", "width", "height", "color"),
        "labels": ("x", "y", "text", "angle", "color"),
        "blocks": ("x0", "y0", "x1", "y1"),
        "bar": ("x", "text"),
    }
    return {name: {column: [] for column in those} for name, those in columns.items()}


def _strip(size: int, colours: list[str]) -> dict[str, object]:
    """A coloured cell per group, left of the matrix and below it."""
    middle = (np.arange(size) + 0.5) / size
    aside = np.full(size, -0.02)
    thick, long = np.full(size, 0.022), np.full(size, 1 / size)
    return {
        "x": as_float(np.concatenate([aside, middle])),
        "y": as_float(np.concatenate([1 - middle, aside])),
        "width": as_float(np.concatenate([thick, long])),
        "height": as_float(np.concatenate([long, thick])),
        "color": colours * 2,
    }


def _labels(names: list[str], colours: list[str]) -> dict[str, object]:
    """The names of as many groups as fit, left of the matrix and, turned, below it."""
    shown = scales.thin(len(names), LABELS)
    middle = (shown + 0.5) / len(names)
    aside = np.full(shown.size, -0.042)
    return {
        "x": as_float(np.concatenate([aside, middle])),
        "y": as_float(np.concatenate([1 - middle, aside])),
        "text": [names[i] for i in shown] * 2,
        "angle": as_float([0.0] * shown.size + [np.pi / 2] * shown.size),
        "color": [colours[i] for i in shown] * 2,
    }


def _blocks(roles: list[str], order: str) -> dict[str, object]:
    """Lines between the blocks of roles."""
    edges = [i / len(roles) for i in range(1, len(roles)) if roles[i] != roles[i - 1]]
    cuts = np.array(edges if order == "blocks" else [])
    low, high = np.zeros(cuts.size), np.ones(cuts.size)
    return {
        "x0": as_float(np.concatenate([cuts, low])),
        "y0": as_float(np.concatenate([low, 1 - cuts])),
        "x1": as_float(np.concatenate([cuts, high])),
        "y1": as_float(np.concatenate([high, 1 - cuts])),
    }
