"""The scene of Rosenbrock's valley: both ends of the method from one start, and the cubic term.

Legend: S groups, λ_int damping.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from gnlab import rates
from gnlab.lab import palettes
from gnlab.lab.figures.base import Plot, Update
from gnlab.lab.slide import captions
from gnlab.lab.slide.figures import contours, curves
from gnlab.lab.slide.frame import Frame, chip, colours, number, said, table
from gnlab.lab.slide.state import Choices

X, Y = (-2.1, 2.1), (-1.1, 3.1)
"""The part of the plane that is shown."""
_GRID = 141
_LEVELS = (0.1, 0.5, 2.0, 8.0, 32.0, 100.0, 300.0, 1000.0)
_MINIMUM = (1.0, 1.0)


def build() -> dict[str, Plot]:
    """The scene's figures; the surface is always the same."""
    cauchy = contours.build("rosenbrock-cauchy", ("x", "y"), "contrast")
    plots = (
        cauchy,
        contours.build("rosenbrock-newton", ("x", "y"), "accent", beside=cauchy),
        curves.build("rosenbrock-curves", "f", log=True),
    )
    surface = _surface()
    for name, columns in surface.data.items():
        cauchy.sources[name].data = dict(columns)
    for plot in plots[:2]:
        plot.figure.x_range.update(start=X[0], end=X[1])
        plot.figure.y_range.update(start=Y[0], end=Y[1])
    return {plot.name: plot for plot in plots}


def frames(chosen: Choices) -> Iterator[Frame]:
    """All that the scene shows.

    Args:
        chosen: The choices.

    Yields:
        The one frame.
    """
    inks = colours(palettes.theme(chosen.theme), 2)
    begin = np.array([chosen.start_x, chosen.start_y])
    ways = [
        rates.walk(begin, rates.runs(2, count), chosen.damping, chosen.valley_steps)
        for count in (1, 2)
    ]
    lines = [
        curves.Curve(f"S = {count}", ink, way.values)
        for count, ink, way in zip((1, 2), inks, ways, strict=True)
    ]
    updates: dict[str, Update] = {
        name: contours.path(way.points, way.values, _MINIMUM)
        for name, way in zip(("rosenbrock-cauchy", "rosenbrock-newton"), ways, strict=True)
    }
    updates["rosenbrock-curves"] = curves.update(lines, chosen.valley_steps, log=True)
    stopped = [way.status for way in ways if not way.status.ok]
    line = captions.stopped(stopped[0], chosen.damping) if stopped else captions.VALLEY
    texts = {
        "rosenbrock-table": _table(ways, inks),
        "rosenbrock-verdict": said(line),
    }
    yield Frame("rosenbrock", chosen.query(), updates, texts)


def _surface() -> Update:
    """The valley and its level lines."""
    x, y = np.linspace(*X, _GRID), np.linspace(*Y, _GRID)
    heights = rates.valley(np.stack(np.meshgrid(x, y), axis=-1))
    depth = np.log(np.maximum(heights, 0.05))
    shown = (depth - depth.min()) / (depth.max() - depth.min())
    return contours.surface(shown, X, Y, contours.level_lines(x, y, heights, _LEVELS))


def _ended(way: rates.Walk) -> str:
    """What ended a path before its time, or where it is; "" if nothing is to be said."""
    if not way.status.ok:
        return way.status.name
    x, y = way.points[-1]
    return "" if X[0] <= x <= X[1] and Y[0] <= y <= Y[1] else "left the picture"


def _table(ways: Sequence[rates.Walk], inks: Sequence[str]) -> str:
    """The numbers as a table, as HTML."""
    rows = []
    for count, way, ink in zip((1, 2), ways, inks, strict=True):
        distance = float(np.linalg.norm(way.points[-1] - _MINIMUM))
        rows.append([
            chip(ink, captions.level(count, 2)), str(len(way.points) - 1),
            number(float(way.values[-1])), number(distance),
            _ended(way),
        ])  # fmt: skip
    return table(captions.COLUMNS["rosenbrock"], rows)
