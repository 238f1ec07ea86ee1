"""Figure 6: what one step from here would bring at every level of the ladder, and what it costs.

Cauchy's end is on the left, Newton's on the right; the axis is the number of groups.

Legend: S groups, L levels.
"""

import numpy as np

from gnlab.lab import scales
from gnlab.lab.figures.base import (
    TEXT,
    Plot,
    Update,
    as_float,
    canvas,
    decade_ticks,
    hover,
    legend,
    source,
    source_ticks,
    tagged,
)
from gnlab.runs import Trials, WhatIf

_SHOWN = ("label", "told_predicted", "told_measured", "told_seconds")
_CURVES = ("S", "predicted", "predicted_free", "measured", "measured_free", *_SHOWN)
_COSTS = ("S", "cost", "measured", "solve", "measured_solve", "label", "told_seconds", "told_solve")
_SOLVE = "its solve"
_FREE = "no cubic term"  # a longer name has no place in the narrowest card
NOTHING = "Press “What if?”: one step from here\nis tried at every level, and none is made."


def build(name: str = "what-if") -> Plot:
    """Build the empty figure of the decreases.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "curves", "groups", "ticks" and "note".
    """
    made = canvas(name, x_log=True, height=300)
    made.y_range.update(start=-1.05, end=1.05)
    made.xaxis.axis_label = "number of groups S, from Cauchy towards Newton"
    made.yaxis.axis_label = "decrease of the loss in one step"
    sources = {
        "curves": source(f"{name}-curves", *_CURVES),
        "groups": source(f"{name}-groups", "at", "label"),
        "ticks": source(f"{name}-ticks", "at", "label"),
        "note": source(f"{name}-note", "x", "y", "text"),
    }
    zero = made.hspan(0, line_width=1)
    tagged(zero.glyph, line_color="soft")
    curves = sources["curves"]
    free = made.line(
        "S", "predicted_free", source=curves, line_width=1.4, line_dash="dashed",
        legend_label=_FREE,
    )  # fmt: skip
    promised = made.line("S", "predicted", source=curves, line_width=1.8, legend_label="predicted")
    got_free = made.scatter(
        "S", "measured_free", source=curves, size=7, fill_alpha=0, line_width=1.4,
        legend_label=_FREE,
    )  # fmt: skip
    got = made.scatter(
        "S", "measured", source=curves, size=7, line_color=None, legend_label="measured"
    )
    for line in (free, promised):
        tagged(line.glyph, line_color="contrast")
    tagged(got_free.glyph, line_color="ink")
    tagged(got.glyph, fill_color="ink")
    legend(made, many=True)
    note = made.text("x", "y", "text", source=sources["note"], text_align="center", **TEXT)
    tagged(note.glyph, text_color="soft")
    told = [
        ("level", "@label"), ("predicted", "@told_predicted"), ("measured", "@told_measured"),
        ("cost", "@told_seconds"),
    ]  # fmt: skip
    hover(made, [got], told, mode="vline")
    return Plot(name, made, sources, source_ticks(made, sources, x="groups", y="ticks"))


def build_cost(name: str = "what-if-cost") -> Plot:
    """Build the empty figure of the costs.

    Args:
        name: The figure's name.

    Returns:
        The plot; its sources are "costs", "groups" and "ticks".
    """
    made = canvas(name, x_log=True, y_log=True, height=300)
    made.xaxis.axis_label = "number of groups S"
    made.yaxis.axis_label = "time, in gradients"
    sources = {
        "costs": source(f"{name}-costs", *_COSTS),
        "groups": source(f"{name}-groups", "at", "label"),
        "ticks": source(f"{name}-ticks", "at", "label"),
    }
    costs = sources["costs"]
    solve = made.line(
        "S", "solve", source=costs, line_width=1.4, line_dash="dashed", legend_label=_SOLVE
    )
    line = made.line("S", "cost", source=costs, line_width=1.8, legend_label="by arithmetic")
    solved = made.scatter(
        "S", "measured_solve", source=costs, size=7, fill_alpha=0, line_width=1.4,
        legend_label=_SOLVE,
    )  # fmt: skip
    dots = made.scatter(
        "S", "measured", source=costs, size=7, line_color=None, legend_label="measured here"
    )
    for each in (solve, line):
        tagged(each.glyph, line_color="contrast")
    tagged(solved.glyph, line_color="ink")
    tagged(dots.glyph, fill_color="ink")
    legend(made, many=True)
    told = [("level", "@label"), ("summary", "@told_seconds"), ("solve", "@told_solve")]
    hover(made, [dots], told, mode="vline")
    return Plot(name, made, sources, source_ticks(made, sources, x="groups", y="ticks"))


def values(what_if: WhatIf | None) -> np.ndarray:
    """Every decrease there is but those without the cubic term, which may be of any size."""
    if what_if is None:
        return np.empty(0)
    found = [what_if.predicted[..., 0].ravel(), what_if.measured[..., 0].ravel()]
    if what_if.trials is not None:
        found += [what_if.trials.predicted[:, 0], what_if.trials.measured[:, 0]]
    return np.concatenate(found)


def update(what_if: WhatIf | None, limits: scales.Limits) -> Update:
    """The decreases' data.

    Args:
        what_if: What was found, None for nothing.
        limits: The signed scale of the decreases.

    Returns:
        The new data of the levels that were tried, and the axes' limits.
    """
    at, labels = scales.signed_ticks(limits)
    ticks = {"at": as_float(at), "label": labels}
    trials = None if what_if is None else what_if.trials
    if trials is None:
        nothing = {"curves": {c: [] for c in _CURVES}, "groups": {"at": [], "label": []}}
        note = {"x": [10**1.5], "y": [0.45], "text": [NOTHING]}
        return Update({**nothing, "ticks": ticks, "note": note}, (1.0, 1000.0), (-0.12, 1.05))
    tried = slice(trials.tried)
    groups, end = _groups(trials)
    curves = {
        "S": as_float([rung.num_groups for rung in trials.rungs[tried]]),
        "predicted": _signed(trials.predicted[tried, 0], limits),
        "predicted_free": _signed(trials.predicted[tried, 1], limits),
        "measured": _signed(trials.measured[tried, 0], limits),
        "measured_free": _signed(trials.measured[tried, 1], limits),
        "label": [rung.label for rung in trials.rungs[tried]],
        "told_predicted": _pairs(trials, trials.predicted),
        "told_measured": _pairs(trials, trials.measured),
        "told_seconds": _costs(trials, trials.seconds),
    }
    lowest = np.nanmin(np.append(trials.measured[tried], 0.0))
    note = {"x": [], "y": [], "text": []}
    return Update(
        {"curves": curves, "groups": groups, "ticks": ticks, "note": note},
        (0.8, end),
        (-1.05 if lowest < 0 else -0.12, 1.05),
    )


def update_cost(what_if: WhatIf | None) -> Update:
    """The costs' data.

    Args:
        what_if: What was found, None for nothing.

    Returns:
        The new data: the arithmetic of every level that can be tried, the time of those that were.
    """
    trials = None if what_if is None else what_if.trials
    if trials is None:
        nothing = {"costs": {c: [] for c in _COSTS}, "groups": {"at": [], "label": []}}
        return Update({**nothing, "ticks": {"at": [], "label": []}}, (1.0, 1000.0), (1.0, 100.0))
    wanted = slice(trials.wanted)
    cost = np.array([rung.cost for rung in trials.rungs[wanted]])
    took = trials.seconds[wanted] / trials.gradient_seconds
    solve = np.array([rung.solve for rung in trials.rungs[wanted]])
    solved = trials.solve_seconds[wanted] / trials.gradient_seconds
    # A solve of few groups is nothing: it has no place on the scale.
    low, high = scales.decades(np.concatenate([cost, took, np.maximum(solve, 1), [1]]))
    groups, end = _groups(trials)
    rest = ["not tried yet"] * (trials.wanted - trials.tried)
    costs = {
        "S": as_float([rung.num_groups for rung in trials.rungs[wanted]]),
        "cost": as_float(cost),
        "measured": as_float(took),
        "solve": as_float(solve),
        "measured_solve": as_float(solved),
        "label": [rung.label for rung in trials.rungs[wanted]],
        "told_seconds": [*_costs(trials, trials.seconds), *rest],
        "told_solve": [*_costs(trials, trials.solve_seconds), *rest],
    }
    ticks = decade_ticks(low, high, 5)
    return Update({"costs": costs, "groups": groups, "ticks": ticks}, (0.8, end), (low, high))


def _signed(values: np.ndarray, limits: scales.Limits) -> np.ndarray:
    """Decreases on the signed scale; one beyond it is at its end."""
    return as_float(scales.signed(values, limits))


def _groups(trials: Trials) -> tuple[dict[str, object], float]:
    """The ticks of the axis of groups, and its end: a tick at each level that has room for one."""
    sizes = [rung.num_groups for rung in trials.rungs[: trials.wanted]]
    shown: list[int] = []
    for size in sizes:
        if not shown or size >= 1.4 * shown[-1]:
            shown.append(size)
    return {"at": as_float(shown), "label": [str(size) for size in shown]}, 1.25 * sizes[-1]


def _pairs(trials: Trials, values: np.ndarray) -> list[str]:
    """With and without the cubic term, in words; where there is no step, why."""
    told = []
    for (one, other), (status, free) in zip(
        values[: trials.tried], trials.status[: trials.tried], strict=True
    ):
        with_term = f"{one:.3g}" if np.isfinite(one) else status
        without = f"{other:.3g}" if np.isfinite(other) else free
        told.append(f"{with_term} (λ_int = 0: {without})")
    return told


def _costs(trials: Trials, seconds: np.ndarray) -> list[str]:
    """The time of each level that was tried, in words."""
    return [
        f"{1000 * one:.3g} ms, {one / trials.gradient_seconds:.3g} gradients"
        for one in seconds[: trials.tried]
    ]
