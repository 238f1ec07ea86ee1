"""Figure 3, now: the step size of every group, with its sign, on a logarithmic axis.

Legend: S groups; η the step sizes [S], as applied and as the last solve gave them.
"""

import numpy as np

from gnlab.lab import matrices, palettes, scales
from gnlab.lab.figures.base import (
    TEXT,
    Plot,
    Span,
    Update,
    as_float,
    canvas,
    decade_ticks,
    hover,
    rows,
    source,
    source_ticks,
    tagged,
)
from gnlab.runs import Record

_COLUMNS = (
    "y",
    "low",
    "size",
    "color",
    "fill",
    "name",
    "applied",
    "solved",
    "marker",
    "solved_at",
    "mark",
    "thick",
    "stroke",
)
NOTHING = "No step size per group yet: press Play."
WITHOUT = "This optimizer has no step size per group."


def build(name: str = "rates") -> Plot:
    """Build the empty figure.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "groups", "ticks", "decades" and "note".
    """
    made = canvas(name, x_log=True, height=258, min_border_left=86)
    made.y_range.update(start=1, end=0)
    made.ygrid.visible = False
    made.xaxis.axis_label = "step size |η|"
    sources = {
        "groups": source(f"{name}-groups", *_COLUMNS),
        "ticks": source(f"{name}-ticks", "at", "label"),
        "decades": source(f"{name}-decades", "at", "label"),
        "note": source(f"{name}-note", "x", "y", "text"),
    }
    groups = sources["groups"]
    made.segment("low", "y", "size", "y", source=groups, line_color="color", line_width="thick")
    heads = made.scatter(
        "size", "y", source=groups, size="mark", marker="marker", line_color="color",
        fill_color="color",
        fill_alpha="fill", line_width=1.6,
    )  # fmt: skip
    solved = made.scatter(
        "solved_at", "y", source=groups, size="stroke", marker="dash", angle=np.pi / 2
    )
    solved.glyph.line_width = 2
    tagged(solved.glyph, line_color="ink")
    note = made.text("x", "y", "text", source=sources["note"], text_align="center", **TEXT)
    tagged(note.glyph, text_color="soft")
    shown = [("group", "@name"), ("η applied", "@applied"), ("η solved", "@solved")]
    hover(made, [heads], shown, mode="hline")
    return Plot(name, made, sources, source_ticks(made, sources, x="decades", y="ticks"))


def update(
    record: Record | None,
    order: str,
    theme: palettes.Theme,
    note: str = NOTHING,
    before: Span | None = None,
) -> Update:
    """The figure's data for a record.

    Args:
        record: The latest record, None before the first.
        order: One of ``matrices.ORDERS``.
        theme: Colours for the roles.
        note: What to say when there is no step size.
        before: The limits of the decades that are shown now, to stay if they can.

    Returns:
        The new data and the limits of the step sizes' axis. A step size of zero or NaN has a
        mark at the axis' lower end, and its bar no length.
    """
    if record is None or record.step_size is None:
        middle = {"x": [10**-1.0], "y": [0.5], "text": [note]}
        empty = {"groups": {c: [] for c in _COLUMNS}, "ticks": {"at": [], "label": []}}
        return Update({**empty, "note": middle}, x=(0.01, 1.0))
    place = matrices.block_order(record.role, order)
    applied = record.step_size[place]
    solved = applied if record.step_size_solved is None else record.step_size_solved[place]
    low, high = scales.decades(np.abs(np.concatenate([applied, solved])), before, margin=0.1)
    y, ticks = rows(record.group, place)
    colours = [theme.role(record.role[group]) for group in place]
    groups = {
        "y": as_float(y),
        "name": [record.group[group] for group in place],
        "color": [
            colour if np.isfinite(eta) else theme.nan
            for colour, eta in zip(colours, applied, strict=True)
        ],
        **_marks(applied, solved, low),
    }
    return Update(
        {
            "groups": groups,
            "ticks": ticks,
            "decades": decade_ticks(low, high, 6),
            "note": {"x": [], "y": [], "text": []},
        },
        x=(low, high),
    )


def _marks(applied: np.ndarray, solved: np.ndarray, low: float) -> dict[str, object]:
    """The bars, heads and strokes of the groups, and what their tooltips say.

    Args:
        applied: η as applied, [S].
        solved: η as solved for, [S].
        low: The axis' lower end.

    Returns:
        The columns.
    """
    size, count = np.abs(applied), applied.size
    live = np.isfinite(size) & (size > 0)
    reached = np.where(solved != 0, np.clip(np.abs(solved), low, None), np.nan)
    return {
        "low": as_float(np.full(count, low)),
        "size": as_float(np.where(live, np.clip(size, low, None), low)),
        "solved_at": as_float(reached),
        "fill": as_float(np.where(solved > 0, 1.0, 0.0)),
        "marker": ["circle" if eta > 0 else "triangle" for eta in solved],
        # Many groups are thin lines, so that none covers its neighbours.
        "mark": as_float(np.full(count, np.clip(230 / count, 1.5, 9.0))),
        "thick": as_float(np.full(count, np.clip(200 / count, 0.6, 3.0))),
        "stroke": as_float(np.full(count, np.clip(400 / count, 2.5, 13.0))),
        "applied": [f"{eta:.4g}" for eta in applied],
        "solved": [f"{eta:.4g}" for eta in solved],
    }
