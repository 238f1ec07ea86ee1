"""The header's changing numbers and the phases of a step, as glyphs in a frame that never moves.

Text that changes in a page makes the browser lay the page out again; text in a canvas does not.
"""

import math
from dataclasses import dataclass

from bokeh.core.properties import value
from bokeh.models import Range1d

from gnlab.lab import palettes
from gnlab.lab.figures.base import (
    APART,
    BORDERLESS,
    FONT,
    TEXT,
    Plot,
    Update,
    as_float,
    canvas,
    source,
    tagged,
)
from gnlab.lab.scales import number
from gnlab.runs import Snapshot

_SLOTS = {
    "state": 120, "step": 66, "epoch": 60, "loss": 81, "steps/s": 45, "frames/s": 52,
    "step to screen": 81, "device": 59, "preset": 126,
}  # fmt: skip
"""Each slot's width, in pixels of the narrowest line (board.css): the longest text that it may have
to show, in bold, and a gap. What must not be missed comes first: a narrow page scrolls to the last.
"""
_PLACES = [sum(list(_SLOTS.values())[:i]) for i in range(len(_SLOTS))]
PHASES = ("gradient", "summary", "solve", "update")


@dataclass(frozen=True, slots=True)
class Meter:
    """What a session measures about itself.

    Attributes:
        frames_per_second: Frames acknowledged as drawn per second; 0 for none yet.
        latency: Milliseconds from the end of a step to its acknowledgement, the median of the
            last frames; NaN for none yet.
    """

    frames_per_second: float = 0.0
    latency: float = float("nan")


def build(name: str = "strip") -> Plot:
    """Build the header's figure.

    Args:
        name: The figure's name.

    Returns:
        The plot; its source is "values".
    """
    made = canvas(name, height=52, **BORDERLESS)
    made.x_range, made.y_range = Range1d(0, sum(_SLOTS.values())), Range1d(0, 1)
    made.axis.visible = False
    made.grid.visible = False
    values = source(f"{name}-values", "x", "text", "color")
    names = made.text(
        _PLACES, 0.66, list(_SLOTS), **TEXT, **APART, text_baseline="bottom",
    )  # fmt: skip
    tagged(names.glyph, text_color="soft")
    made.text(
        "x", 0.28, "text", source=values, text_color="color", text_font=value(FONT),
        text_font_size="14px", text_font_style="bold", text_baseline="alphabetic",
    )  # fmt: skip
    return Plot(name, made, {"values": values})


def update(snapshot: Snapshot, meter: Meter, theme: palettes.Theme) -> Update:
    """The header's numbers.

    Args:
        snapshot: The run now.
        meter: The session's own measurements.
        theme: Colours.

    Returns:
        The new texts.
    """
    loss = "–" if snapshot.record is None else _loss(snapshot.record.loss)
    state = snapshot.state if not snapshot.phase else f"after {snapshot.phase}"
    latency = "–" if math.isnan(meter.latency) else f"{meter.latency:.0f} ms"
    texts = [
        state,
        _step(snapshot.step),
        _epoch(snapshot.epoch),
        loss,
        _rate(snapshot.steps_per_second),
        _rate(meter.frames_per_second),
        latency,
        snapshot.device,
        snapshot.settings.preset,
    ]
    colours = [theme.ink] * (len(_SLOTS) - 1)
    running = {"playing": theme.weights, "stopped": theme.alarm}
    return Update(
        {
            "values": {
                "x": as_float(_PLACES),
                "text": texts,
                "color": [running.get(snapshot.state, theme.contrast), *colours],
            }
        }
    )


def _step(count: int) -> str:
    """How many steps: in digits, from a million on four of them, as more have no place."""
    if count < 1_000_000:
        return f"{count:,}".replace(",", " ")
    return f"{f'{count / 1e6:#.4g}'.rstrip('.')} M"


def _epoch(value: float) -> str:
    """An epoch: with two decimals below 1000, then whole, then with a power of ten."""
    if value < 999.995:
        return f"{value:.2f}"
    return f"{value:.0f}" if value < 99_999.5 else number(value, 2)


def _loss(value: float) -> str:
    """A loss in four digits; with a power of ten in two, as more has no place beside it."""
    text = number(value, 4)
    return number(value, 2) if "·" in text else text


def _rate(value: float) -> str:
    """A rate per second: two digits below ten, whole numbers above, a dash for none."""
    if not value:
        return "–"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def build_phases(name: str = "phases") -> Plot:
    """Build the row of a step's four phases.

    Args:
        name: The figure's name.

    Returns:
        The plot; its source is "phases".
    """
    made = canvas(name, height=36, **BORDERLESS)
    made.x_range, made.y_range = Range1d(-0.5, 3.5), Range1d(0, 1)
    made.axis.visible = False
    made.grid.visible = False
    phases = source(f"{name}-phases", "x", "text", "color", "size")
    rail = made.segment([0], [0.8], [3], [0.8], line_width=2)
    tagged(rail.glyph, line_color="line")
    made.scatter("x", 0.8, size="size", color="color", source=phases)
    made.text(
        "x", 0.52, "text", text_color="color", source=phases, text_align="center",
        text_baseline="top", **TEXT,
    )  # fmt: skip
    return Plot(name, made, {"phases": phases})


def update_phases(snapshot: Snapshot, theme: palettes.Theme) -> Update:
    """Which phases of the coming step are done.

    Args:
        snapshot: The run now.
        theme: Colours.

    Returns:
        The new colours.
    """
    done = PHASES.index(snapshot.phase) + 1 if snapshot.phase in PHASES else 0
    colours = [theme.accent if i < done else theme.soft for i in range(len(PHASES))]
    sizes = as_float([10 if i == done - 1 else 6 for i in range(len(PHASES))])
    phases = {"x": as_float(range(len(PHASES))), "text": list(PHASES), "color": colours}
    return Update({"phases": {**phases, "size": sizes}})
