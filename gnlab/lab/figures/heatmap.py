"""Figure 1: a symmetric matrix between groups, H̄ or H̄⁻¹, as square cells with names and values.

The matrix fills the unit square whatever S is, and everything around it (the names, the strip of
the groups' roles, the colour bar) is drawn as glyphs in the same fixed frame: a change of S
moves no layout.

Legend: r rows and c columns that are shown; row 0 is at the top.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from bokeh.models import CustomJS, CustomJSHover, LinearColorMapper, Range1d

from gnlab.lab import matrices, palettes, scales
from gnlab.lab.assets import text as script
from gnlab.lab.cuts import Cut, Side
from gnlab.lab.figures.base import (
    APART,
    BORDERLESS,
    LABELS,
    TEXT,
    Columns,
    Plot,
    Update,
    as_float,
    canvas,
    hover,
    source,
    tagged,
)
from gnlab.lab.figures.names import short_names
from gnlab.runs.records.bundles import SEVERAL

_WIDTH, _HEIGHT = (-0.27, 1.045), (-0.26, 1.2)
_ASIDE = -0.042
_NAMES = {"room": _ASIDE - max(_WIDTH[0], _HEIGHT[0]), "largest": 10.5, "smallest": 6.0}
_CELLS = ("image", "raw", "x", "y", "dw", "dh")

FRAME = (*_WIDTH, *_HEIGHT)
"""The limits of both axes: the matrix fills the unit square among them."""

_HOVER = """
const rows = names.data.name, columns = others.data.name
const within = (share, S) => Math.min(S - 1, Math.max(0, Math.floor(share * S)))
const column = within(special_vars.x, columns.length)
const row = within(1 - special_vars.y, rows.length)
if (format == "row") return rows[row]
if (format == "column") return columns[column]
const raw = cells.data.raw[0][row * columns.length + column]
const shown = Number.isFinite(raw) ? raw.toExponential(3) : "not defined"
const high = names.data.size[row], wide = others.data.size[column]
return high * wide == 1 ? shown : `${shown}, the mean of a block of ${high} × ${wide}`
"""


def build(name: str, quantity: str) -> Plot:
    """Build the empty figure.

    Args:
        name: The figure's name.
        quantity: What a cell shows, for the tooltip.

    Returns:
        The plot; its sources are "cells", "names", "columns", "strip", "labels", "blocks", "bar"
        and "note".
    """
    ratio = (_WIDTH[1] - _WIDTH[0]) / (_HEIGHT[1] - _HEIGHT[0])
    made = canvas(
        name, sizing_mode="scale_width", aspect_ratio=ratio, width=460, height=round(460 / ratio),
        **BORDERLESS,
    )  # fmt: skip
    made.x_range, made.y_range = Range1d(*_WIDTH), Range1d(*_HEIGHT)
    made.axis.visible = made.grid.visible = False
    sources = {
        "cells": source(f"{name}-cells", *_CELLS),
        "names": source(f"{name}-names", "name", "size"),
        "columns": source(f"{name}-columns", "name", "size"),
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
    told = {"names": sources["names"], "others": sources["columns"], "cells": sources["cells"]}
    rows = [("row", "$y{row}"), ("column", "$y{column}"), (quantity, "$y{raw}")]
    hover(made, [cells], rows, formatters={"$y": CustomJSHover(args=told, code=_HOVER)})
    return Plot(name, made, sources, zooms=True)


def _surroundings(made, sources, mapper) -> None:
    """Draw what stands around the cells: strips, names, block borders, colour bar, note."""
    frame = made.rect(x=0.5, y=0.5, width=1, height=1, fill_alpha=0, line_width=1, **APART)
    tagged(frame.glyph, line_color="line")
    made.rect(
        "x", "y", "width", "height", source=sources["strip"], fill_color="color", line_color=None,
        **APART,
    )  # fmt: skip
    names = made.text(
        "x", "y", "text", angle="angle", text_color="color", source=sources["labels"],
        text_align="right", text_baseline="middle", **TEXT, **APART,
    )  # fmt: skip
    told = {"made": made, "names": sources["labels"], "glyph": names.glyph, **_NAMES}
    fitted = CustomJS(args=told, code=script("names.js"))
    made.js_on_change("inner_width", fitted)
    sources["labels"].js_on_change("data", fitted)
    borders = made.segment(
        "x0", "y0", "x1", "y1", source=sources["blocks"], line_width=1.5, **APART
    )
    tagged(borders.glyph, line_color="ink")
    ramp = np.linspace(-1, 1, 256)[None, :]
    made.image([ramp], x=0, y=1.03, dw=1, dh=0.03, color_mapper=mapper, **APART)
    ticks = made.text("x", 1.075, "text", source=sources["bar"], text_align="center", **TEXT)
    note = made.text(
        "x", "y", "text", source=sources["note"], text_align="center", text_baseline="bottom",
        **TEXT,
    )  # fmt: skip
    for text in (ticks, note):
        tagged(text.glyph, text_color="soft")


def update(
    shown: np.ndarray | None,
    cut: Cut | None,
    limits: scales.Limits,
    order: str,
    theme: palettes.Theme,
    note: str = "",
) -> Update:
    """The figure's data for a matrix.

    Args:
        shown: The entries that are shown, [r, c], in their order; None for the empty state.
        cut: Which they are; None for the empty state.
        limits: The colour scale.
        order: One of ``matrices.ORDERS``.
        theme: Colours for the roles.
        note: One line above the matrix, or in its place.

    Returns:
        The new data; NaN entries stay NaN. Where there are more groups than cells to draw, a cell
        is the mean over a block of them.
    """
    if shown is None or cut is None:
        why = note or "Press Play:\nthe first summary appears here."
        empty = {"x": [0.5], "y": [0.5], "text": [why]}
        return Update({**_nothing(), "note": empty})
    values = matrices.block_means(shown)
    ticks, text = scales.signed_ticks(limits, gap=0.4)  # three matrices stand side by side
    return Update(
        {
            "cells": {
                "image": [as_float(scales.signed(values, limits))],
                "raw": [as_float(values)],
                **{key: [value] for key, value in (("x", 0), ("y", 0), ("dw", 1), ("dh", 1))},
            },
            **_around(cut, order, theme.name),
            "bar": {"x": as_float((np.array(ticks) + 1) / 2), "text": text},
            "note": {"x": [0.5], "y": [1.135], "text": [note]},
        }
    )


def _nothing() -> dict[str, dict[str, list]]:
    """Empty columns for every source."""
    columns = {
        "cells": _CELLS,
        "names": ("name", "size"),
        "columns": ("name", "size"),
        "strip": ("x", "y", "width", "height", "color"),
        "labels": ("x", "y", "text", "angle", "color"),
        "blocks": ("x0", "y0", "x1", "y1"),
        "bar": ("x", "text"),
    }
    return {name: {column: [] for column in those} for name, those in columns.items()}


@lru_cache(maxsize=32)
def _around(cut: Cut, order: str, theme: str) -> Mapping[str, Columns]:
    """What stands around the cells: the same for every frame and heatmap of one partition."""
    colours = palettes.theme(theme)
    rows, columns = _axis(cut.down, colours), _axis(cut.across, colours)
    return {
        "names": {"name": rows.names, "size": rows.sizes},
        "columns": {"name": columns.names, "size": columns.sizes},
        "strip": _strip(rows, columns),
        "labels": _labels(rows, columns),
        "blocks": _blocks(rows, columns, order),
    }


@dataclass(frozen=True, slots=True)
class _Axis:
    """The rows or the columns that are drawn.

    Attributes:
        names: What each stands for.
        sizes: How many groups those are.
        labels: The same in short.
        roles: The role of the first group of each.
        colours: The roles' colours.
    """

    names: list[str]
    sizes: np.ndarray
    labels: list[str]
    roles: list[str]
    colours: list[str]

    @property
    def middle(self) -> np.ndarray:
        """The middle of each, as a share of all."""
        return (np.arange(len(self.names)) + 0.5) / len(self.names)


def _axis(side: Side, theme: palettes.Theme) -> _Axis:
    """What stands at an axis, for the groups that are shown along it."""
    blocks = matrices.shown_of(len(side.names))
    # A row may stand for several groups already, from one to another.
    ends = [
        (side.names[first].split(SEVERAL)[0], side.names[after - 1].split(SEVERAL)[-1])
        for first, after in blocks
    ]
    of = [side.roles[first] for first, _ in blocks]
    return _Axis(
        [one if one == other else f"{one}{SEVERAL}{other}" for one, other in ends],
        as_float([after - first for first, after in blocks]),
        short_names([one for one, _ in ends]),
        of,
        [theme.role(role) for role in of],
    )


def _strip(rows: _Axis, columns: _Axis) -> dict[str, object]:
    """A coloured cell per group, left of the matrix and below it."""
    down, across = rows.middle, columns.middle
    return {
        "x": as_float(np.concatenate([np.full(down.size, -0.02), across])),
        "y": as_float(np.concatenate([1 - down, np.full(across.size, -0.02)])),
        "width": as_float(np.repeat([0.022, 1 / across.size], [down.size, across.size])),
        "height": as_float(np.repeat([1 / down.size, 0.022], [down.size, across.size])),
        "color": rows.colours + columns.colours,
    }


def _labels(rows: _Axis, columns: _Axis) -> dict[str, object]:
    """The names of as many groups as fit, left of the matrix and, turned, below it."""
    down, across = (scales.thin(len(axis.names), LABELS) for axis in (rows, columns))
    picked = [(rows, i) for i in down] + [(columns, i) for i in across]
    return {
        "x": as_float(np.concatenate([np.full(down.size, _ASIDE), columns.middle[across]])),
        "y": as_float(np.concatenate([1 - rows.middle[down], np.full(across.size, _ASIDE)])),
        "text": [axis.labels[i] for axis, i in picked],
        "angle": as_float([0.0] * down.size + [np.pi / 2] * across.size),
        "color": [axis.colours[i] for axis, i in picked],
    }


def _blocks(rows: _Axis, columns: _Axis, order: str) -> dict[str, object]:
    """Lines between the blocks of roles."""
    down, across = (
        np.array(
            [
                i / len(axis.roles)
                for i in range(1, len(axis.roles))
                if order == "blocks" and axis.roles[i] != axis.roles[i - 1]
            ]
        )
        for axis in (rows, columns)
    )
    return {
        "x0": as_float(np.concatenate([across, np.zeros(down.size)])),
        "y0": as_float(np.concatenate([np.zeros(across.size), 1 - down])),
        "x1": as_float(np.concatenate([across, np.ones(down.size)])),
        "y1": as_float(np.concatenate([np.ones(across.size), 1 - down])),
    }
