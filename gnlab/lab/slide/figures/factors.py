"""The rate of each level: from this start, from random ones, and what theory allows.

Legend: n levels, B random starts.
"""

from collections.abc import Sequence

import numpy as np
from bokeh.models import FixedTicker

from gnlab.lab.figures.base import (
    TEXT,
    Plot,
    Update,
    as_float,
    canvas,
    hover,
    printf,
    source,
    source_ticks,
    tagged,
)
from gnlab.lab.slide.figures.curves import FILL

_COLUMNS = ("x", "groups", "rate", "largest", "bound", "left", "colour")
_HALF = 0.36
_ABOVE, _TOP = 1.16, 1.38
"""Where Newton's label stands, above all that a factor can be, and where the axis ends."""
_NEWTON, _NOT_THERE = "Newton: one step", "Newton: not in one step"
_LEVEL_TOLD = [
    ("S", "@groups"), ("factor per step", "@rate{%.6g}"), ("largest", "@largest{%.6g}"),
    ("bound", "@bound{%.6g}"), ("error left after one step", "@left{%.2g}"),
]  # fmt: skip
_START_TOLD = [("S", "@groups"), ("random start", "@seed"), ("factor", "@y{%.6g}")]
_BOUND_TOLD = [("S", "@groups"), ("bound", "@y{%.6g}")]


def build(name: str) -> Plot:
    """Build the empty figure of the rates.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "levels", "bounds", "cloud", "ends", "leader" and "ticks".
    """
    made = canvas(name, **FILL, min_height=216, min_border_left=50)
    made.xaxis.axis_label, made.yaxis.axis_label = "S, the number of groups", "factor per step"
    made.xgrid.visible = False
    sources = {
        "levels": source(f"{name}-levels", *_COLUMNS),
        "bounds": source(f"{name}-bounds", "x0", "x1", "y", "groups"),
        "cloud": source(f"{name}-cloud", "x", "y", "largest", "groups", "seed"),
        "ends": source(f"{name}-ends", "x", "y", "text", "align"),
        "leader": source(f"{name}-leader", "x", "y"),
        "ticks": source(f"{name}-ticks", "at", "label"),
    }
    made.yaxis[0].ticker = made.ygrid[0].ticker = FixedTicker(ticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    leader = made.line("x", "y", source=sources["leader"], line_width=1, line_dash="dotted")
    bounds = made.segment("x0", "y", "x1", "y", source=sources["bounds"], line_width=2.5)
    cloud = made.scatter(
        "x", "y", source=sources["cloud"], size=5, fill_alpha=0.35, line_color=None
    )
    dots = made.scatter(
        "x", "rate", source=sources["levels"], size=12, fill_color="colour", line_width=1.5
    )
    text = made.text(
        "x", "y", "text", text_align="align", text_baseline="bottom", y_offset=-8,
        source=sources["ends"], **TEXT,
    )  # fmt: skip
    tagged(leader.glyph, line_color="soft")
    tagged(bounds.glyph, line_color="ink")
    tagged(cloud.glyph, fill_color="soft")
    tagged(dots.glyph, line_color="card")
    tagged(text.glyph, text_color="ink")
    for glyph, told in ((dots, _LEVEL_TOLD), (cloud, _START_TOLD), (bounds, _BOUND_TOLD)):
        hover(made, [glyph], told, formatters=printf("rate", "largest", "bound", "left", "y"))
    return Plot(name, made, sources, source_ticks(made, sources, x="ticks"))


def update(
    groups: Sequence[int],
    rates: np.ndarray,
    largest: np.ndarray,
    bounds: np.ndarray,
    left: np.ndarray,
    colours: Sequence[str],
) -> Update:
    """The data of the levels, and no random starts.

    Args:
        groups: S of each level, n of them, the last Newton's.
        rates: The measured factor per step, [n].
        largest: The largest factor of any step, [n].
        bounds: What no factor exceeds, [n].
        left: The error after one step, relative to the start's, [n].
        colours: The levels' colours.

    Returns:
        The new data and limits.
    """
    place = np.arange(len(groups))
    levels = {
        "x": place.tolist(), "groups": list(groups), "rate": rates.tolist(),
        "largest": largest.tolist(), "bound": bounds.tolist(), "left": left.tolist(),
        "colour": list(colours),
    }  # fmt: skip
    lines = {
        "x0": as_float(place - _HALF), "x1": as_float(place + _HALF), "y": bounds.tolist(),
        "groups": list(groups),
    }  # fmt: skip
    last = len(groups) - 1
    ends = {
        "x": [-_HALF, last + _HALF], "y": [float(bounds[0]), _ABOVE],
        "align": ["left", "right"],
        "text": ["Cauchy: at most", _NEWTON if bounds[last] == 0 else _NOT_THERE],
    }  # fmt: skip
    leader = {"x": [last, last], "y": [float(rates[last]), _ABOVE]}
    ticks = {"at": as_float(place), "label": [str(count) for count in groups]}
    return Update(
        {
            "levels": levels, "bounds": lines, "ends": ends, "leader": leader, "ticks": ticks,
            "cloud": {"x": [], "y": [], "largest": [], "groups": [], "seed": []},
        },
        (-0.6, last + 0.6), (0.0, _TOP),
    )  # fmt: skip


def cloud(groups: Sequence[int], rates: np.ndarray, largest: np.ndarray) -> Update:
    """The data of the random starts.

    Args:
        groups: S of each level, n of them.
        rates: The factor per step from each start, [n, B].
        largest: The largest factor from each start, [n, B].

    Returns:
        The new data; the starts of a level lie side by side in their order.
    """
    count = rates.shape[1]
    beside = np.linspace(-0.8 * _HALF, 0.8 * _HALF, count)
    return Update(
        {
            "cloud": {
                "x": as_float((np.arange(len(groups))[:, None] + beside).reshape(-1)),
                "y": rates.reshape(-1).tolist(),
                "largest": largest.reshape(-1).tolist(),
                "groups": np.repeat(groups, count).tolist(),
                "seed": np.tile(np.arange(count), len(groups)).tolist(),
            }
        }
    )
