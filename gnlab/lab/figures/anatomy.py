"""Figure 8: H̄ taken apart by kind of operation, and each kind's share over time.

The parts are shown on one colour scale, so that what is dark in one outweighs what is pale in
another; in each cell they add up to H̄.

Legend: S groups, K kinds of operation, T rows of the history; H̄ and its parts [S, S].
"""

import numpy as np
from bokeh.models import NumeralTickFormatter

from gnlab.lab import matrices, palettes, scales
from gnlab.lab.excerpt import Excerpt
from gnlab.lab.figures import heatmap
from gnlab.lab.figures.base import (
    Plot,
    Span,
    Update,
    as_float,
    canvas,
    hover,
    legend,
    source,
    span,
    tagged,
)
from gnlab.runs import History, Record

KINDS = {
    "gauss-newton": ("Gauss–Newton", "ink", "solid"),
    "activations": ("activations", "accent", "solid"),
    "products": ("products", "contrast", "dashed"),
}
"""The kinds in a record's order: each one's title, and its line's colour and dash."""

UNKNOWN = "Not told apart: the plain way was taken."
"""What stands in place of the parts where a record has none."""

_ROUNDING = 1e-6
"""An eigenvalue so small in scale-free variables is none: summaries are often in float32."""


def build() -> tuple[Plot, ...]:
    """Build the empty heatmaps.

    Returns:
        The plots "anatomy-gauss-newton", "anatomy-activations" and "anatomy-products", with the
        sources of ``heatmap.build``.
    """
    return tuple(
        heatmap.build(f"anatomy-{kind}", f"H̄, {title}") for kind, (title, *_) in KINDS.items()
    )


def shown(excerpt: Excerpt, scale: str) -> np.ndarray | None:
    """The parts as they are shown, and what their colours' scale is made of.

    Args:
        excerpt: What is shown of H̄.
        scale: "raw", or "scale-free": divided like H̄ itself, so that they still add up to it.

    Returns:
        In the order of ``KINDS``, [K, m, m] or [K, r, c]; None without parts.
    """
    if excerpt.parts is None or scale == "raw":
        return excerpt.parts
    return np.stack([excerpt.scale_free(part) for part in excerpt.parts])


def notes(record: Record) -> list[str]:
    """One clause about each part: its name, and whether it can make H̄ indefinite.

    Args:
        record: A record that has parts.

    Returns:
        The clauses in the order of ``KINDS``.
    """
    parts = record.H_parts
    assert parts is not None
    weight = np.abs(np.diagonal(parts, axis1=1, axis2=2)).sum(axis=0)
    scaled = [matrices.scale_free(part, np.where(weight > 0, weight, 1.0)) for part in parts]
    titles = [title for title, *_ in KINDS.values()]
    return [
        f"{title} · {matrices.signs(part, _ROUNDING)}"
        for title, part in zip(titles, scaled, strict=True)
    ]


def update(
    excerpt: Excerpt | None,
    parts: np.ndarray | None,
    limits: scales.Limits,
    theme: palettes.Theme,
    notes: list[str],
) -> dict[str, Update]:
    """The heatmaps' data.

    Args:
        excerpt: What is shown of H̄; None without a summary.
        parts: Its parts, see ``shown``.
        limits: The colour scale of all three.
        theme: Colours for the roles.
        notes: One line above each, see ``notes``; nothing without parts.

    Returns:
        The new data by the plot's name.
    """
    names = [f"anatomy-{kind}" for kind in KINDS]
    if excerpt is None or parts is None:
        why = UNKNOWN if excerpt is not None else ""
        return {name: heatmap.update(None, None, limits, "tensor", theme, why) for name in names}
    near = excerpt.cut.note
    if near:
        notes = [f"{title} · {near}" for title, *_ in KINDS.values()]
    return {
        name: heatmap.update(part, excerpt.cut, limits, excerpt.order, theme, note)
        for name, part, note in zip(names, excerpt.shown(parts), notes, strict=True)
    }


def build_shares(name: str = "shares") -> Plot:
    """Build the empty figure of the shares over time.

    Args:
        name: The figure's name.

    Returns:
        The plot; its source is "lines".
    """
    made = canvas(name, height=220)
    made.y_range.update(start=-0.12, end=1.05)
    made.xaxis.axis_label = "step"
    made.yaxis.axis_label = "share along the step"
    made.yaxis.ticker = [-1, -0.5, 0, 0.5, 1]
    made.yaxis.formatter = NumeralTickFormatter(format="0 %")
    lines = source(f"{name}-lines", "step", *KINDS)
    zero = made.hspan(0, line_width=1)
    tagged(zero.glyph, line_color="soft")
    drawn = []
    for kind, (title, colour, dash) in KINDS.items():
        line = made.line(
            "step", kind, source=lines, line_width=1.8, line_dash=dash, legend_label=title
        )
        tagged(line.glyph, line_color=colour)
        drawn.append(line)
    legend(made, many=True)
    told = [(title, f"@{{{kind}}}{{0.0 %}}") for kind, (title, *_) in KINDS.items()]
    hover(made, drawn[:1], [("step", "@step{0}"), *told], mode="vline")
    return Plot(name, made, {"lines": lines})


def update_shares(history: History | None) -> Update:
    """The shares' data for a history.

    Args:
        history: The run so far.

    Returns:
        The new data and limits, the axis below zero only where a share is.
    """
    if history is None:
        return Update({"lines": {c: [] for c in ("step", *KINDS)}}, (0.0, 10.0), (-0.12, 1.05))
    columns = dict(zip(KINDS, history.share.T, strict=True))
    lines = {"step": history.share_step, **columns}
    return Update(
        {"lines": {name: as_float(column) for name, column in lines.items()}},
        span(history.step),
        _limits(history.share),
    )


def _limits(share: np.ndarray) -> Span:
    """The limits of the shares' axis: halves of the whole, below zero only where a share is."""
    least = float(share.min(initial=0.0))
    return (-0.12 if least >= 0 else float(np.floor(2 * least)) / 2 - 0.05), 1.05
