"""The decision map of one level's network: what it would say anywhere in the plane."""

import numpy as np
from bokeh.models import LinearColorMapper

from gnlab.lab import palettes
from gnlab.lab.figures.base import Plot, Span, Update, as_float, canvas, source, tagged

_BORDERS = dict.fromkeys(
    ("min_border_left", "min_border_right", "min_border_top", "min_border_bottom"), 3
)


def build(name: str) -> Plot:
    """Build an empty map.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "map", "first" and "second".
    """
    made = canvas(name, sizing_mode="scale_width", aspect_ratio=1.0, **_BORDERS)
    made.axis.visible = False
    made.grid.visible = False
    sources = {
        "map": source(f"{name}-map", "image", "x", "y", "dw", "dh"),
        "first": source(f"{name}-first", "x", "y"),
        "second": source(f"{name}-second", "x", "y"),
    }
    # Without a palette the figure could not be sent before it is painted.
    mapper = LinearColorMapper(low=-1.15, high=1.15, palette=palettes.LIGHT.diverging)
    tagged(mapper, palette="diverging", nan_color="nan")
    made.image("image", x="x", y="y", dw="dw", dh="dh", source=sources["map"], color_mapper=mapper)
    for which, colour in (("first", "accent"), ("second", "contrast")):
        points = made.scatter("x", "y", source=sources[which], size=4.5, line_width=0.8)
        tagged(points.glyph, fill_color=colour, line_color="card")
    return Plot(name, made, sources)


def update(says: np.ndarray, x: Span, y: Span) -> Update:
    """The data of a map.

    Args:
        says: The probability of the second class less that of the first, rows from below, [n, m].
        x: The limits of x.
        y: The limits of y.

    Returns:
        The new data and limits.
    """
    image = {
        "image": [as_float(says)], "x": [x[0]], "y": [y[0]], "dw": [x[1] - x[0]],
        "dh": [y[1] - y[0]],
    }  # fmt: skip
    return Update({"map": image}, x, y)


def points(places: np.ndarray, second: np.ndarray) -> Update:
    """The data of the points that the network learns from.

    Args:
        places: Their places, [N, 2].
        second: Which belong to the second class, [N].

    Returns:
        The new data.
    """
    parts = {"first": places[~second], "second": places[second]}
    return Update(
        {
            name: {"x": as_float(part[:, 0]), "y": as_float(part[:, 1])}
            for name, part in parts.items()
        }
    )
