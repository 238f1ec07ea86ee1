"""Figure 2: the third-order scale D of every group, and how much it regularises the curvature.

Legend: S groups; D = |D^(3)_sss|^(1/3) [S]; R = (λ_int/2)‖Dη‖D² [S], the diagonal that is added
to H̄ before it is inverted (eq. 2).
"""

from collections.abc import Sequence

import numpy as np

from gnlab.lab import palettes, scales
from gnlab.lab.figures.base import (
    Plot,
    Update,
    as_float,
    canvas,
    hover,
    legend,
    rows,
    source,
    source_ticks,
    tagged,
)
from gnlab.runs import Record

_COLUMNS = ("y", "one", "two", "color", "name", "one_text", "two_text")


def build(name: str, one: str, two: str, label: str) -> Plot:
    """Build the empty figure: two positive numbers per group, joined by a line.

    Args:
        name: The figure's name.
        one: The legend's entry of the filled mark.
        two: The legend's entry of the hollow mark.
        label: The axis' label.

    Returns:
        The plot; its sources are "groups" and "ticks".
    """
    made = canvas(name, x_log=True, height=300, min_border_left=86)
    made.y_range.update(start=1, end=0)
    made.ygrid.visible = False
    made.xaxis.axis_label = label
    sources = {
        "groups": source(f"{name}-groups", *_COLUMNS),
        "ticks": source(f"{name}-ticks", "at", "label"),
    }
    groups = sources["groups"]
    made.segment("one", "y", "two", "y", source=groups, line_color="color", line_alpha=0.35)
    options = {"source": groups, "line_color": "color", "line_width": 1.6}
    filled = made.scatter("one", "y", size=9, fill_color="color", legend_label=one, **options)
    hollow = made.scatter("two", "y", size=9, marker="diamond", legend_label=two, **options)
    tagged(hollow.glyph, fill_color="card")
    legend(made)
    hover(made, [filled, hollow], [("group", "@name"), (one, "@one_text"), (two, "@two_text")])
    ticker = source_ticks(made.yaxis[0], sources["ticks"])
    return Plot(name, made, sources, {"ticks": ticker})


def scale(record: Record | None, order: str, theme: palettes.Theme) -> Update:
    """D and D⁻¹ of every group.

    Args:
        record: The latest record with a summary, or None.
        order: One of ``scales.ORDERS``.
        theme: Colours for the roles.

    Returns:
        The new data and limits.
    """
    if record is None or record.d is None:
        return _pairs((), (), np.empty(0), np.empty(0), order, theme)
    with np.errstate(divide="ignore"):
        return _pairs(record.group, record.role, record.d, 1 / record.d, order, theme)


def regulariser(record: Record | None, order: str, theme: palettes.Theme) -> Update:
    """R of every group against the magnitude of H̄'s diagonal.

    Args:
        record: The latest record with a summary, or None.
        order: One of ``scales.ORDERS``.
        theme: Colours for the roles.

    Returns:
        The new data and limits.
    """
    if record is None or record.H is None or record.regulariser is None:
        return _pairs((), (), np.empty(0), np.empty(0), order, theme)
    diagonal = np.abs(np.diag(record.H))
    return _pairs(record.group, record.role, record.regulariser, diagonal, order, theme)


def _pairs(
    names: Sequence[str],
    roles: Sequence[str],
    one: np.ndarray,
    two: np.ndarray,
    order: str,
    theme: palettes.Theme,
) -> Update:
    """Two positive numbers per group; what is not positive has no mark."""
    place = scales.block_order(roles, order)
    y, ticks = rows(names, place)
    first, second = one[place], two[place]
    return Update(
        {
            "groups": {
                "y": as_float(y),
                "one": _positive(first),
                "two": _positive(second),
                "color": [theme.role(roles[group]) for group in place],
                "name": [names[group] for group in place],
                "one_text": [f"{value:.4g}" for value in first],
                "two_text": [f"{value:.4g}" for value in second],
            },
            "ticks": ticks,
        },
        x=scales.decades(np.concatenate([one, two]), margin=0.05),
    )


def _positive(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show; the rest becomes NaN."""
    return as_float(np.where(values > 0, values, np.nan))
