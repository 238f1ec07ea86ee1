"""The scene of a quadratic: every level from the same start, against the theory of both ends.

Legend: P coordinates, S groups, κ condition number.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from gnlab import rates
from gnlab.lab import palettes
from gnlab.lab.figures.base import Plot, Update
from gnlab.lab.slide import captions
from gnlab.lab.slide.figures import contours, curves, factors
from gnlab.lab.slide.frame import Frame, chip, colours, number, said, table, told_apart
from gnlab.lab.slide.state import Choices

RANDOM_STARTS = 20
_AT_ONCE = 8
"""The most coordinates with which the random starts take no time of their own."""
_NEAR = 1e-8
"""What a coordinate may be of the start's length and count as 0."""
_GRID = 90
_RINGS = 9
_ROOM = 1.12
"""The picture's half width, in that of the level set which holds every path."""


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


def start(quadratic: rates.Quadratic, chosen: Choices) -> np.ndarray:
    """The start that was chosen, [P]."""
    if chosen.start == "worst":
        return rates.worst_start(quadratic)
    return rates.random_start(chosen.size, chosen.seed)


def frames(chosen: Choices) -> Iterator[Frame]:
    """All that the scene shows: the chosen start at once, then the random ones.

    Args:
        chosen: The choices.

    Yields:
        The frames.
    """
    quadratic, theme = problem(chosen), palettes.theme(chosen.theme)
    x, groups = start(quadratic, chosen), rates.doublings(chosen.size)
    owners = [rates.runs(chosen.size, count) for count in groups]
    ways = [rates.paths(quadratic, owner, x[None], chosen.steps) for owner in owners]
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
    x = ways[0].points[0, 0]
    bounds = np.array([bound(quadratic, count, x) for count in groups])
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
    if not hidden:
        updates |= _pictures(quadratic, ways)
    texts = {
        "quadratic-table": _table(groups, measured, bounds, inks),
        "quadratic-verdict": said(
            captions.verdict(
                measured[0][0],
                measured[1][0],
                bounds[0],
                measured[2][-1],
                worst=chosen.start == "worst",
            )
        ),
    }
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


def _pictures(quadratic: rates.Quadratic, ways: Sequence[rates.Paths]) -> dict[str, Update]:
    """The two contour pictures, with one surface."""
    highest = float(quadratic.height(ways[0].points[0, 0]))
    rings = [quadratic.level_set(highest * 4.0 ** (1 - i)) for i in range(_RINGS)]
    # The same however the axes are turned: a picture whose limits move is laid out anew.
    half = _ROOM * float(np.sqrt(2 * highest / quadratic.eigenvalues[0]))
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
