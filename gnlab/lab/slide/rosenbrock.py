"""The scene of Rosenbrock's valley: both ends of the method from one start, and the cubic term.

Legend: S groups, λ_int damping.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from gnlab import rates
from gnlab.lab import palettes
from gnlab.lab.figures.base import Plot, Span, Update
from gnlab.lab.slide import captions
from gnlab.lab.slide.figures import contours, curves
from gnlab.lab.slide.frame import Frame, captioned, chip, colours, number, said, table, titled
from gnlab.lab.slide.state import Choices

X, Y = (-2.1, 2.1), (-1.1, 3.1)
"""The part of the plane that is shown."""
ENDS = ("rosenbrock-cauchy", "rosenbrock-newton")
"""The pictures of the whole valley."""
_GRID, _NEAR_GRID = 141, 90
_LEVELS = (0.1, 0.5, 2.0, 8.0, 32.0, 100.0, 300.0, 1000.0)
_MINIMUM = (1.0, 1.0)
_LAST = 20
"""The steps that are shown enlarged."""
_ROOM = 1.25
"""The width of what is enlarged, in that of the steps."""
_SMALLEST = 1e-3
"""The least that is enlarged: the axes' numbers must have room."""
_NEAR_LEVELS = np.linspace(0.06, 0.94, 8)
"""The level lines of what is enlarged: what parts of it lie below them."""


def build() -> dict[str, Plot]:
    """The scene's figures; the surface is always the same."""
    cauchy = contours.build(ENDS[0], ("x", "y"), "contrast", enlarged=True)
    plots = (
        cauchy,
        contours.build(ENDS[1], ("x", "y"), "accent", beside=cauchy),
        curves.build("rosenbrock-curves", "f", log=True),
        contours.build("rosenbrock-close", ("x", "y"), "contrast"),
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
        for name, way in zip(ENDS, ways, strict=True)
    }
    x, y = _window(ways[0].points)
    near, cauchy = _near(x, y), updates[ENDS[0]]
    updates["rosenbrock-close"] = Update({**near.data, **cauchy.data}, near.x, near.y)
    updates[ENDS[0]] = Update({**cauchy.data, "window": contours.framed(x, y)})
    updates["rosenbrock-curves"] = curves.update(lines, chosen.valley_steps, log=True)
    stopped = [way.status for way in ways if not way.status.ok]
    line = captions.stopped(stopped[0], chosen.damping) if stopped else captions.VALLEY
    texts = {
        "rosenbrock-table": _table(ways, inks),
        "rosenbrock-verdict": said(line),
    }
    title, caption = _close(ways[0].points, x)
    texts |= {
        "rosenbrock-close-title": titled(title),
        "rosenbrock-close-caption": captioned(caption),
    }
    yield Frame("rosenbrock", chosen.query(), updates, texts)


def _surface() -> Update:
    """The valley and its level lines."""
    x, y = np.linspace(*X, _GRID), np.linspace(*Y, _GRID)
    heights = rates.valley(np.stack(np.meshgrid(x, y), axis=-1))
    lines = [_level_set(height) for height in _LEVELS]
    return contours.surface(_shown(heights, 0.05), X, Y, lines)


def _level_set(height: float) -> np.ndarray:
    """The line on which f has a value, as far as it is in the picture, [points, 2].

    (1 − x)² = h cos² and 100 (y − x²)² = h sin²: exact also where the valley is thinner than any
    grid. A NaN row parts the upper half and the lower one.
    """
    ends = np.clip((np.array(X[::-1]) - 1) / np.sqrt(height), -1, 1)
    around = np.linspace(*np.arccos(ends), 121)
    around = np.concatenate([around, [np.nan], -around])
    x = 1 + np.sqrt(height) * np.cos(around)
    return np.stack([x, x**2 + np.sqrt(height / 100) * np.sin(around)], axis=1)


def _shown(heights: np.ndarray, least: float) -> np.ndarray:
    """Heights as a picture has them, from 0 in the depths to 1."""
    depth = np.log(np.maximum(heights, least))
    shown: np.ndarray = (depth - depth.min()) / (depth.max() - depth.min())
    return shown


def _window(points: np.ndarray) -> tuple[Span, Span]:
    """The square around Cauchy's last steps; the whole picture if they fill it."""
    last = points[-_LAST - 1 :]
    half = max(_ROOM * float(np.ptp(last, axis=0).max()), _SMALLEST) / 2
    if 2 * half > X[1] - X[0]:
        return X, Y
    x, y = (float(at) for at in (last.min(axis=0) + last.max(axis=0)) / 2)
    return (x - half, x + half), (y - half, y + half)


def _near(x: Span, y: Span) -> Update:
    """The valley in a part of the picture, with level lines of its own."""
    along, up = np.linspace(*x, _NEAR_GRID), np.linspace(*y, _NEAR_GRID)
    heights = rates.valley(np.stack(np.meshgrid(along, up), axis=-1))
    levels = np.quantile(heights, _NEAR_LEVELS)
    lines = contours.level_lines(along, up, heights, levels.tolist())
    return contours.surface(_shown(heights, float(levels[0])), x, y, lines)


def _close(points: np.ndarray, x: Span) -> tuple[str, str]:
    """The title and the sentence of what is enlarged."""
    moves = np.diff(points[-_LAST - 1 :], axis=0)
    lengths = np.linalg.norm(moves, axis=1)
    moved = lengths > 0
    moves, lengths = moves[moved], lengths[moved]
    cosines = (moves[1:] * moves[:-1]).sum(axis=1) / (lengths[1:] * lengths[:-1])
    turned = float(np.median(cosines)) if len(cosines) else None
    steps = min(len(points) - 1, _LAST)
    return captions.close(steps, (X[1] - X[0]) / (x[1] - x[0]), turned)


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
