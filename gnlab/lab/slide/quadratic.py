"""The scene of a quadratic: every level, against the theory of both ends and of those between.

Legend: P coordinates, S groups, κ condition number.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from gnlab import rates
from gnlab.lab import palettes
from gnlab.lab.figures.base import Plot, Update
from gnlab.lab.slide import captions, starts
from gnlab.lab.slide.figures import contours, curves, factors
from gnlab.lab.slide.frame import (
    Frame,
    captioned,
    chip,
    colours,
    number,
    said,
    table,
    told_apart,
)
from gnlab.lab.slide.state import Choices

RANDOM_STARTS = 20
_AT_ONCE = 8
"""The most coordinates with which the random starts take no time of their own."""
_NEAR = 1e-8
"""What a coordinate may be of the start's length and count as 0."""
_GRID = 90
_RINGS = 8
_ROOM = 1.12
"""The picture's half width, in the start's distance from the minimum."""
_THINNEST = 0.01
"""Rings thinner than this part of the picture would be one stroke."""
_FINEST = 1 / 60
"""A turn of this part of the picture's width can be seen."""


def build() -> dict[str, Plot]:
    """The scene's figures, empty."""
    cauchy = contours.build("quadratic-cauchy", ("x₁", "x₂"), "contrast")
    plots = (
        cauchy,
        contours.build("quadratic-newton", ("x₁", "x₂"), "accent", beside=cauchy),
        curves.build("quadratic-curves", "(f − f*) / (f₀ − f*)", log=True),
        factors.build("quadratic-factors"),
    )
    return {plot.name: plot for plot in plots}


def problem(chosen: Choices) -> rates.Quadratic:
    """The quadratic that was chosen: eigenvalues evenly spaced in their logarithm."""
    blocks = max(1, chosen.size >> chosen.coupling)
    return rates.quadratic(
        np.geomspace(1.0, chosen.condition, chosen.size), "rotated", blocks=blocks,
        angle=float(np.deg2rad(chosen.rotation)),
    )  # fmt: skip


def frames(chosen: Choices) -> Iterator[Frame]:
    """All that the scene shows: the chosen start at once, then the random ones.

    Args:
        chosen: The choices.

    Yields:
        The frames.
    """
    quadratic, theme = problem(chosen), palettes.theme(chosen.theme)
    groups = rates.doublings(chosen.size)
    owners = [rates.runs(chosen.size, count) for count in groups]
    ways = [
        rates.paths(quadratic, owner, x[None], chosen.steps)
        for owner, x in zip(owners, starts.starts(quadratic, chosen, groups), strict=True)
    ]
    first = _frame(quadratic, chosen, groups, ways, colours(theme, len(groups)))
    if chosen.size > _AT_ONCE:
        yield first
    cloud = _cloud(quadratic, chosen, groups, owners)
    levels = first.updates["quadratic-factors"]
    whole = Update({**levels.data, **cloud.data}, levels.x, levels.y)
    updates = {**first.updates, "quadratic-factors": whole}
    yield Frame(first.scene, first.link, updates, first.texts, first.hidden)


def _frame(
    quadratic: rates.Quadratic,
    chosen: Choices,
    groups: Sequence[int],
    ways: Sequence[rates.Paths],
    inks: Sequence[str],
) -> Frame:
    """What is known of the chosen start."""
    bounds = np.array(
        [bound(quadratic, count, way.points[0, 0]) for count, way in zip(groups, ways, strict=True)]
    )
    measured = [np.array([float(values[0]) for values in column]) for column in (
        [way.rates for way in ways], [way.largest for way in ways], [way.left for way in ways],
    )]  # fmt: skip
    theory = bounds[0] ** np.arange(chosen.steps + 1.0)
    lines = [
        curves.Curve(f"S = {count}", ink, way.values[:, 0])
        for count, ink, way in zip(groups, inks, ways, strict=True)
    ]
    updates = {
        "quadratic-curves": curves.update(lines, chosen.steps, log=True, theory=theory),
        "quadratic-factors": factors.update(groups, *measured[:2], bounds, measured[2], inks),
    }
    hidden = {"quadratic-cauchy", "quadratic-newton"} if chosen.size > 2 else set()
    cauchy, newton = (float(column[at]) for column, at in ((measured[0], 0), (measured[2], -1)))
    between = len(groups) > 2
    # Without levels between, what all share is Cauchy's worst start itself.
    start = chosen.start if between or chosen.start != "shared" else "worst"
    early = starts.apart(quadratic, groups) if start == "worst" else []
    line = captions.verdict(cauchy, float(measured[1][0]), float(bounds[0]), newton, start, early)
    if between:
        line += captions.BETWEEN.get(start, "")
    texts = {
        "quadratic-table": _table(groups, measured, bounds, inks),
        "quadratic-verdict": said(line),
    }
    if not hidden:
        updates |= _pictures(quadratic, ways)
        texts["quadratic-cauchy-caption"] = _descent(ways[0].points[:, 0])
    return Frame("quadratic", chosen.query(), updates, texts, frozenset(hidden))


def bound(quadratic: rates.Quadratic, count: int, x: np.ndarray) -> float:
    """What no factor exceeds from a start, with so many groups.

    Args:
        quadratic: The quadratic.
        count: S.
        x: The start, [P].

    Returns:
        The bound; 0 for Newton, who is there in one step, if that step moves every coordinate
        that has to move. One without slope cannot, and the bound is that of any other level.
    """
    size = len(quadratic.H)
    far = np.abs(x) > _NEAR * np.linalg.norm(x)
    if count == size and (rates.slopes(quadratic.H, x)[far] != 0).all():
        return 0.0
    return rates.ready_bound(quadratic.H, rates.runs(size, count))


def _cloud(
    quadratic: rates.Quadratic,
    chosen: Choices,
    groups: Sequence[int],
    owners: Sequence[np.ndarray],
) -> Update:
    """The rates from the random starts."""
    starts = np.array([rates.random_start(chosen.size, seed) for seed in range(RANDOM_STARTS)])
    ways = [rates.paths(quadratic, owner, starts, chosen.steps) for owner in owners]
    return factors.cloud(
        groups, np.array([way.rates for way in ways]), np.array([way.largest for way in ways])
    )


def _half(start: np.ndarray) -> float:
    """Half the width of a picture that holds all paths from a start.

    No step leads farther away from the minimum, Cauchy's or Newton's. And the width is the same
    however the axes are turned: a picture whose limits move is laid out anew.
    """
    return _ROOM * float(np.linalg.norm(start))


def _descent(points: np.ndarray) -> str:
    """What is said of Cauchy's path in two dimensions [k + 1, 2], as HTML."""
    left = np.linalg.norm(points[[0, -1]], axis=1)
    # The height of each turn over the line between the points before it and after it.
    across = points[2:] - points[:-2]
    before = points[1:-1] - points[:-2]
    area = np.abs(across[:, 0] * before[:, 1] - across[:, 1] * before[:, 0])
    length = np.linalg.norm(across, axis=1)
    turns = area / np.where(length > 0, length, 1.0)
    seen = not turns.any() or turns.max() > _FINEST * 2 * _half(points[0])
    done = 1 - float(left[1] / left[0])
    return captioned(captions.descent(done, len(points) - 1, seen=seen))


def _rings(quadratic: rates.Quadratic, height: float, half: float) -> list[np.ndarray]:
    """The level sets in a picture: through the start, and each four times as high as the next."""
    corner = float(np.linalg.eigvalsh(quadratic.H)[-1]) * half**2
    most = int(np.ceil(np.log(corner / height) / np.log(4)))
    heights = height * 4.0 ** np.arange(most, -_RINGS, -1.0)
    widths = np.sqrt(2 * heights / quadratic.eigenvalues[-1])
    drawn = (widths > _THINNEST * half) | (heights == height)
    return [quadratic.level_set(float(one)) for one in heights[drawn]]


def _pictures(quadratic: rates.Quadratic, ways: Sequence[rates.Paths]) -> dict[str, Update]:
    """The two contour pictures, with one surface."""
    begin = ways[0].points[0, 0]
    highest, half = float(quadratic.height(begin)), _half(begin)
    rings = _rings(quadratic, highest, half)
    along = np.linspace(-half, half, _GRID)
    heights = quadratic.height(np.stack(np.meshgrid(along, along), axis=-1))
    depth = np.log(np.maximum(heights, 1e-3 * highest) / highest)
    shown = (depth - depth.min()) / (depth.max() - depth.min())
    surface = contours.surface(shown, (-half, half), (-half, half), rings)
    pictures = {}
    for name, way in zip(("quadratic-cauchy", "quadratic-newton"), ways, strict=True):
        points = way.points[:, 0]
        path = contours.path(points, quadratic.height(points), (0.0, 0.0))
        # Both pictures have one surface.
        shown_too = {} if pictures else surface.data
        pictures[name] = Update({**shown_too, **path.data}, surface.x, surface.y)
    return pictures


def _table(
    groups: Sequence[int],
    measured: Sequence[np.ndarray],
    bounds: np.ndarray,
    inks: Sequence[str],
) -> str:
    """The numbers as a table, as HTML."""
    rows = [
        [chip(inks[i], captions.level(count, groups[-1])),
         *told_apart(*(float(values[i]) for values in (bounds, *measured[:2]))),
         number(float(measured[2][i]))]
        for i, count in enumerate(groups)
    ]  # fmt: skip
    return table(captions.COLUMNS["quadratic"], rows)
