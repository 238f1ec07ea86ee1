"""A surface over the plane, its level lines, and one level's path on it.

Legend: k steps.
"""

from collections.abc import Sequence

import numpy as np
from bokeh.models import LinearColorMapper
from bokeh.plotting.contour import contour_data

from gnlab.lab import palettes
from gnlab.lab.figures.base import (
    Columns,
    Plot,
    Span,
    Update,
    as_float,
    canvas,
    hover,
    printf,
    source,
    tagged,
)
from gnlab.lab.slide.frame import relief

BORDERS = {
    "min_border_left": 60, "min_border_right": 6, "min_border_top": 18, "min_border_bottom": 48,
}  # fmt: skip
"""As much across as down: a figure as high as it is wide has a square frame."""


def build(
    name: str,
    axes: tuple[str, str],
    colour: str,
    *,
    beside: Plot | None = None,
    enlarged: bool = False,
) -> Plot:
    """Build an empty picture of a surface.

    Args:
        name: The figure's name.
        axes: The coordinates' names.
        colour: The path's colour, an attribute of the theme.
        beside: A picture whose surface this one shows too, None for one of its own.
        enlarged: Whether another picture shows a part of this one enlarged.

    Returns:
        The plot; its sources are "surface", "lines", "path", "start" and "minimum", and "window"
        for the frame around the part that is enlarged.
    """
    made = canvas(name, sizing_mode="scale_width", aspect_ratio=1.0, **BORDERS)
    made.xaxis.axis_label, made.yaxis.axis_label = axes
    made.grid.visible = False
    sources = {
        "surface": source(f"{name}-surface", "image", "x", "y", "dw", "dh"),
        "lines": source(f"{name}-lines", "xs", "ys"),
        "path": source(f"{name}-path", "x", "y", "step", "value"),
        "start": source(f"{name}-start", "x", "y"),
        "minimum": source(f"{name}-minimum", "x", "y"),
    }
    if beside is not None:
        sources |= {one: beside.sources[one] for one in ("surface", "lines")}
    if enlarged:
        sources["window"] = source(f"{name}-window", "x", "y")
    mapper = LinearColorMapper(low=0, high=1, palette=relief(palettes.LIGHT), name=f"{name}-relief")
    made.image(
        "image", x="x", y="y", dw="dw", dh="dh", source=sources["surface"], color_mapper=mapper
    )
    lines = made.multi_line("xs", "ys", source=sources["lines"], line_width=1, line_alpha=0.45)
    tagged(lines.glyph, line_color="soft")
    path = made.line("x", "y", source=sources["path"], line_width=1.5)
    # Without an outline: many steps side by side would be all outlines.
    points = made.scatter("x", "y", source=sources["path"], size=5, line_color=None)
    start = made.scatter("x", "y", source=sources["start"], size=11, line_width=2.5, fill_alpha=0)
    best = made.scatter("x", "y", source=sources["minimum"], size=14, marker="star", line_width=1)
    tagged(path.glyph, line_color=colour)
    tagged(points.glyph, fill_color=colour)
    tagged(start.glyph, line_color="ink")
    tagged(best.glyph, fill_color="ink", line_color="card")
    if enlarged:
        frame = made.line("x", "y", source=sources["window"], line_width=1.5)
        tagged(frame.glyph, line_color="ink")
    hover(
        made, [points], [("step", "@step"), ("f − f*", "@value{%.3g}")], formatters=printf("value")
    )
    return Plot(name, made, sources, mapper=mapper)


def framed(x: Span, y: Span) -> Columns:
    """The data of the frame around the part of a picture that is enlarged.

    Args:
        x: The part's limits of x.
        y: Its limits of y.

    Returns:
        The columns of "window".
    """
    return {"x": [x[0], x[1], x[1], x[0], x[0]], "y": [y[0], y[0], y[1], y[1], y[0]]}


def surface(heights: np.ndarray, x: Span, y: Span, lines: Sequence[np.ndarray]) -> Update:
    """The data of a surface.

    Args:
        heights: 0 in its depths to 1, rows from below, [n, m].
        x: The limits of x.
        y: The limits of y.
        lines: The level lines, [points, 2] each; NaN rows part one's pieces.

    Returns:
        The new data and limits.
    """
    image = {
        "image": [as_float(heights)], "x": [x[0]], "y": [y[0]], "dw": [x[1] - x[0]],
        "dh": [y[1] - y[0]],
    }  # fmt: skip
    drawn = {
        "xs": [as_float(line[:, 0]) for line in lines],
        "ys": [as_float(line[:, 1]) for line in lines],
    }
    return Update({"surface": image, "lines": drawn}, x, y)


def path(points: np.ndarray, values: np.ndarray, minimum: tuple[float, float]) -> Update:
    """The data of a path.

    Args:
        points: The start first, [k + 1, 2].
        values: f − f* there, [k + 1].
        minimum: Where the minimum is.

    Returns:
        The new data.
    """
    way = {
        "x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "step": list(range(len(points))),
        "value": values.tolist(),
    }  # fmt: skip
    return Update(
        {
            "path": way,
            "start": {"x": [float(points[0, 0])], "y": [float(points[0, 1])]},
            "minimum": {"x": [minimum[0]], "y": [minimum[1]]},
        }
    )


def level_lines(
    x: np.ndarray, y: np.ndarray, heights: np.ndarray, levels: Sequence[float]
) -> list[np.ndarray]:
    """The lines on which a surface given at the points of a grid has certain heights.

    Args:
        x: The grid's columns, [m].
        y: Its rows, [n].
        heights: The surface, [n, m].
        levels: The heights, rising.

    Returns:
        A line for each height, [points, 2]; NaN rows part its pieces.
    """
    found = contour_data(x, y, heights, list(levels), want_fill=False).line_data
    return [np.stack([a, b], axis=1) for a, b in zip(found.xs, found.ys, strict=True)]
