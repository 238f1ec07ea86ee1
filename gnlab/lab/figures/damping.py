"""Figure 2: the third-order scale D of every group, and how much it regularises the curvature.

Legend: S groups; D = |D^(3)_sss|^(1/3) [S]; R = (λ_int/2)‖Dη‖D² [S], the diagonal that is added
to H̄ before it is inverted (eq. 2).
"""

from collections.abc import Sequence

import numpy as np

from gnlab.lab import matrices, palettes, scales
from gnlab.lab.figures.base import (
    Plot,
    Span,
    Update,
    as_float,
    canvas,
    decade_ticks,
    hover,
    legend,
    rows,
    source,
    source_ticks,
    tagged,
)
from gnlab.runs import Record

_COLUMNS = ("y", "one", "two", "color", "name", "one_text", "two_text", "mark")


def build(name: str, one: str, two: str, label: str) -> Plot:
    """Build the empty figure: two positive numbers per group, joined by a line.

    Args:
        name: The figure's name.
        one: The legend's entry of the filled mark.
        two: The legend's entry of the hollow mark.
        label: The axis' label.

    Returns:
        The plot; its sources are "groups", "ticks" and "decades".
    """
    made = canvas(name, x_log=True, height=340, min_border_left=86)
    made.y_range.update(start=1, end=0)
    made.ygrid.visible = False
    made.xaxis.axis_label = label
    sources = {
        "groups": source(f"{name}-groups", *_COLUMNS),
        "ticks": source(f"{name}-ticks", "at", "label"),
        "decades": source(f"{name}-decades", "at", "label"),
    }
    groups = sources["groups"]
    made.segment("one", "y", "two", "y", source=groups, line_color="color", line_alpha=0.35)
    options = {"source": groups, "line_color": "color", "line_width": 1.6}
    filled = made.scatter("one", "y", size="mark", fill_color="color", legend_label=one, **options)
    hollow = made.scatter("two", "y", size="mark", marker="diamond", legend_label=two, **options)
    tagged(hollow.glyph, fill_color="card")
    legend(made)
    hover(made, [filled, hollow], [("group", "@name"), (one, "@one_text"), (two, "@two_text")])
    return Plot(name, made, sources, source_ticks(made, sources, x="decades", y="ticks"))


def scale(
    record: Record | None, order: str, theme: palettes.Theme, before: Span | None = None
) -> Update:
    """D and D⁻¹ of every group.

    Args:
        record: The latest record with a summary, or None.
        order: One of ``matrices.ORDERS``.
        theme: Colours for the roles.
        before: The limits of the decades that are shown now, to stay if they can.

    Returns:
        The new data and limits.
    """
    if record is None or record.d is None:
        return _pairs((), (), np.empty(0), np.empty(0), order, theme, before)
    with np.errstate(divide="ignore"):
        return _pairs(record.group, record.role, record.d, 1 / record.d, order, theme, before)


def regulariser(
    record: Record | None, order: str, theme: palettes.Theme, before: Span | None = None
) -> Update:
    """R of every group against the magnitude of H̄'s diagonal.

    Args:
        record: The latest record with a summary, or None.
        order: One of ``matrices.ORDERS``.
        theme: Colours for the roles.
        before: The limits of the decades that are shown now, to stay if they can.

    Returns:
        The new data and limits.
    """
    if record is None or record.H_diagonal is None or record.regulariser is None:
        return _pairs((), (), np.empty(0), np.empty(0), order, theme, before)
    diagonal = np.abs(record.H_diagonal)
    return _pairs(record.group, record.role, record.regulariser, diagonal, order, theme, before)


def _pairs(
    names: Sequence[str],
    roles: Sequence[str],
    one: np.ndarray,
    two: np.ndarray,
    order: str,
    theme: palettes.Theme,
    before: Span | None,
) -> Update:
    """Two positive numbers per group; what is not positive has no mark."""
    place = matrices.block_order(roles, order)
    y, ticks = rows(names, place)
    first, second = one[place], two[place]
    low, high = scales.decades(np.concatenate([one, two]), before, margin=0.05)
    return Update(
        {
            "groups": {
                "y": as_float(y),
                "mark": as_float(np.full(place.size, np.clip(230 / max(place.size, 1), 4.5, 9.0))),
                "one": _positive(first),
                "two": _positive(second),
                "color": [theme.role(roles[group]) for group in place],
                "name": [names[group] for group in place],
                "one_text": [f"{value:.4g}" for value in first],
                "two_text": [f"{value:.4g}" for value in second],
            },
            "ticks": ticks,
            "decades": decade_ticks(low, high, 5),
        },
        x=(low, high),
    )


def _positive(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show; the rest becomes NaN."""
    return as_float(np.where(values > 0, values, np.nan))
