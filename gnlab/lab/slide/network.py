"""The scene of a small network: decision maps side by side, from Cauchy towards Newton.

Legend: S groups.
"""

import time
from collections.abc import Iterator

import numpy as np

from gnlab.lab import palettes
from gnlab.lab.figures.base import Plot, Update
from gnlab.lab.slide import captions
from gnlab.lab.slide.figures import curves, maps
from gnlab.lab.slide.frame import Frame, chip, colours, number, said, table
from gnlab.lab.slide.side_by_side import FINEST, Fellow, SideBySide
from gnlab.lab.slide.state import Choices

PLACES = max(len(levels) for levels in FINEST.values())
"""The most maps side by side."""
_SLICE = 0.12
"""Seconds of steps from one frame to the next, at least."""
_HIGHEST = 10.0
"""The largest loss that is drawn: beyond it a run is lost."""


def build() -> dict[str, Plot]:
    """The scene's figures, empty."""
    plots = [maps.build(f"network-map-{i}") for i in range(PLACES)]
    plots.append(curves.build("network-curves", "loss", log=True))
    return {plot.name: plot for plot in plots}


class Network:
    """The runs that are shown, kept as long as their choices stay."""

    def __init__(self) -> None:
        self._made: tuple[object, ...] = ()
        self._runs: SideBySide | None = None

    def frames(self, chosen: Choices) -> Iterator[Frame]:
        """All that the scene shows, while the runs are brought to the step that was chosen.

        Args:
            chosen: The choices.

        Yields:
            The frames.
        """
        key = (chosen.data, chosen.finest, chosen.seed, chosen.network_damping)
        if self._runs is None or self._made != key:
            self._made, self._runs = key, SideBySide(*key)
        runs, wanted = self._runs, chosen.network_steps
        while True:
            yield _frame(runs, chosen, min(runs.steps, wanted))
            if runs.steps >= wanted:
                return
            end = time.monotonic() + _SLICE
            while runs.steps < wanted and time.monotonic() < end:
                runs.advance()


def _frame(runs: SideBySide, chosen: Choices, step: int) -> Frame:
    """The runs at a step."""
    count = len(runs.fellows)
    inks = colours(palettes.theme(chosen.theme), count)
    lines = [
        curves.Curve(
            f"S = {fellow.rung.num_groups}", ink, np.minimum(fellow.losses[: step + 1], _HIGHEST)
        )
        for fellow, ink in zip(runs.fellows, inks, strict=True)
    ]
    updates = {"network-curves": curves.update(lines, chosen.network_steps, log=True)}
    points = maps.points(runs.points, runs.second)
    texts = {}
    for i, (fellow, ink) in enumerate(zip(runs.fellows, inks, strict=True)):
        drawn = maps.update(fellow.maps[step], runs.x, runs.y)
        updates[f"network-map-{i}"] = Update({**drawn.data, **points.data}, drawn.x, drawn.y)
        name = captions.short(fellow.rung)
        texts[f"network-map-{i}-title"] = f'<h2 class="title">{chip(ink, name)}</h2>'
    texts["network-table"] = table(
        captions.COLUMNS["network"],
        [_row(fellow, ink, step) for fellow, ink in zip(runs.fellows, inks, strict=True)],
    )
    line = captions.progress(step, chosen.network_steps) + _advice(runs, chosen, step)
    texts["network-verdict"] = said(line, (step, chosen.network_steps))
    hidden = frozenset(f"network-map-{i}" for i in range(count, PLACES))
    return Frame("network", chosen.query(), updates, texts, hidden)


def _row(fellow: Fellow, ink: str, step: int) -> list[str]:
    """A run's numbers, as HTML."""
    ended = _ended(fellow, step)
    return [
        chip(ink, fellow.rung.label), number(fellow.losses[step]),
        f"{fellow.accuracies[step]:.1%}", f"{ended}, step&nbsp;{fellow.last}" if ended else "",
    ]  # fmt: skip


def _ended(fellow: Fellow, step: int) -> str:
    """What has ended a run by a step; "" while it goes on."""
    return fellow.ended if fellow.last <= step else ""


def _advice(runs: SideBySide, chosen: Choices, step: int) -> str:
    """What to do about the runs that have ended by a step; "" if all go on."""
    levels: dict[str, list[int]] = {}
    for fellow in runs.fellows:
        if what := _ended(fellow, step):
            levels.setdefault(what, []).append(fellow.rung.num_groups)
    damping = chosen.network_damping
    return "".join(f" {captions.ended(what, of, damping)}" for what, of in levels.items())
