"""An image over the steps: a row for each group or level, a column for each moment.

Legend: R rows, T columns.
"""

from typing import Any

import numpy as np
from bokeh.models import ColorBar, ColumnDataSource, GlyphRenderer, LinearColorMapper
from bokeh.plotting import figure

from gnlab.lab.figures.base import FONT, Columns, Update, as_float, canvas, source, tagged

_PLACE = ("x", "y", "dw", "dh")


def build(
    name: str, mapper: LinearColorMapper, *more: str, **options: Any
) -> tuple[figure, dict[str, ColumnDataSource], GlyphRenderer]:
    """Build the empty figure; its rows stand from top to bottom.

    Args:
        name: The figure's name.
        mapper: The colours.
        *more: Further images that only the tooltip reads.
        **options: Further properties of the figure.

    Returns:
        The figure, its sources "cells", "names" and "ticks", and the image.
    """
    made = canvas(name, min_border_left=86, **options)
    made.y_range.update(start=1, end=0)
    made.grid.visible = False
    made.xaxis.axis_label = "step"
    made.xaxis.ticker.min_interval = 1
    sources = {
        "cells": source(f"{name}-cells", "image", *more, *_PLACE),
        "names": source(f"{name}-names", "name"),
        "ticks": source(f"{name}-ticks", "at", "label"),
    }
    image = made.image(
        "image", x="x", y="y", dw="dw", dh="dh", source=sources["cells"], color_mapper=mapper
    )
    return made, sources, image


def colour_bar(mapper: LinearColorMapper, **options: Any) -> ColorBar:
    """What the colours mean, to stand on the right of the figure.

    Args:
        mapper: The colours.
        **options: Further properties of the bar.

    Returns:
        The bar.
    """
    bar = ColorBar(
        color_mapper=mapper, width=10, padding=6, bar_line_color=None, major_tick_line_color=None,
        major_label_text_font=FONT, background_fill_alpha=0.0,
        major_label_text_font_size="10.5px", **options,
    )  # fmt: skip
    return tagged(bar, major_label_text_color="soft")


def nothing(*more: str) -> Update:
    """The data of an image without rows.

    Args:
        *more: The further images.

    Returns:
        The data, and some limits of the steps' axis.
    """
    cells: dict[str, list[object]] = {column: [] for column in ("image", *more, *_PLACE)}
    return Update(
        {"cells": cells, "names": {"name": []}, "ticks": {"at": [], "label": []}}, x=(0.0, 10.0)
    )


def cells(first: float, last: float, **images: np.ndarray) -> Columns:
    """The columns of the source "cells".

    Args:
        first: The step at the left edge.
        last: The step at the right edge.
        **images: The image, and the further ones, by name, [R, T] each.

    Returns:
        The columns.
    """
    place = {"x": [first], "y": [0.0], "dw": [last - first], "dh": [1.0]}
    return {name: [as_float(image)] for name, image in images.items()} | place
