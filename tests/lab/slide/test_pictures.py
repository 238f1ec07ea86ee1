"""The slide's pictures can be read: what they are about fills them, and is said as it is."""

import re

import numpy as np
import pytest

from gnlab import rates
from gnlab.lab.slide import captions, quadratic, rosenbrock, state


def last(scene, query):
    return list(scene.frames(state.from_query(query)[0]))[-1]


def xy(columns):
    return np.stack([columns["x"], columns["y"]], axis=1)


@pytest.mark.parametrize("start", ["shared", "random"])
@pytest.mark.parametrize("condition", [1, 10, 10_000])
@pytest.mark.parametrize("rotation", [0, 20, 45])
def test_the_way_fills_the_picture_of_a_quadratic(start, condition, rotation):
    query = f"condition={condition}&rotation={rotation}&start={start}&seed=3"
    frame = last(quadratic, query)
    for end in ("cauchy", "newton"):
        update = frame.updates[f"quadratic-{end}"]
        width = update.x[1] - update.x[0]
        points = xy(update.data["path"])
        assert np.abs(points).max() < width / 2
        # From the start to the minimum.
        assert np.linalg.norm(points[0]) > 0.4 * width
        assert update.x == update.y
    lines = frame.updates["quadratic-cauchy"].data["lines"]
    start_height = rates.paths(
        quadratic.problem(state.from_query(query)[0]), rates.runs(2, 1), points[:1], 1
    )
    assert start_height.values[0] == 1
    assert 3 <= len(lines["xs"]) <= 20


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "at right angles to the last."),
        ("condition=10000", "too fine to see here: 30 steps make 0.6 %."),
        ("condition=10000&steps=1", "at right angles to the last."),
        ("condition=100", "too fine to see here: 30 steps make 45.1 %."),
        ("condition=10000&rotation=20&start=random&seed=3", "at right angles to the last."),
    ],
)
def test_what_is_said_of_cauchys_way_is_what_can_be_seen(query, said):
    html = last(quadratic, query).texts["quadratic-cauchy-caption"]
    assert said in html
    assert html.count(". ") == 0


def test_every_step_of_cauchys_is_at_right_angles_to_the_last():
    points = xy(last(quadratic, "condition=30").updates["quadratic-cauchy"].data["path"])
    moves = np.diff(points, axis=0)
    moves /= np.linalg.norm(moves, axis=1)[:, None]
    np.testing.assert_allclose((moves[1:] * moves[:-1]).sum(axis=1), 0, atol=1e-9)


@pytest.mark.parametrize(
    "query", ["size=64&condition=1000&rotation=40", "condition=10000", "size=8&condition=4000"]
)
def test_newtons_one_step_does_not_squeeze_the_other_levels(query):
    update = last(quadratic, query).updates["quadratic-curves"]
    low, high = np.log10(update.y)
    shown = [np.log10(values) for values in update.data["lines"]["ys"]]
    ticks = update.data["ticks"]
    assert ticks["label"][0] == "0"
    assert shown[-1][-1] == pytest.approx(np.log10(ticks["at"][0]))
    assert low < shown[-1][-1] < low + 0.2 * (high - low)
    # What has not arrived, and stands above what has, has most of the axis.
    decades = max(-min(values.min() for values in shown[:-1]), 1)
    assert decades > 0.4 * (high - low)


@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0, 2.0), (1.5, 0.0), (0.9, 0.8), (1.0, 1.0)])
@pytest.mark.parametrize("damping", [0.0, 0.1, 1000.0, 1e6])
@pytest.mark.parametrize("steps", [1, 2, 60, 200])
def test_cauchys_last_steps_in_the_valley_can_be_seen(start, damping, steps):
    query = f"damping={damping}&start_x={start[0]}&start_y={start[1]}&valley_steps={steps}"
    frame = last(rosenbrock, query)
    near, whole = (frame.updates[f"rosenbrock-{name}"] for name in ("close", "cauchy"))
    points = xy(near.data["path"])
    steps = points[-21:]
    width = near.x[1] - near.x[0]
    assert width == pytest.approx(near.y[1] - near.y[0])
    assert ((steps > [near.x[0], near.y[0]]) & (steps < [near.x[1], near.y[1]])).all()
    if width > 1.01e-3:
        assert np.ptp(steps, axis=0).max() == pytest.approx(0.8 * width)
    corners = xy(whole.data["window"])
    assert (corners.min(axis=0) == [near.x[0], near.y[0]]).all()
    assert (corners.max(axis=0) == [near.x[1], near.y[1]]).all()
    title, caption = (frame.texts[f"rosenbrock-close-{name}"] for name in ("title", "caption"))
    times = float(re.search(r"([\d.]+) times as large", title).group(1))
    assert times == pytest.approx(4.2 / width, rel=0.05)
    assert caption.count(". ") == 0
    moves = np.diff(steps, axis=0)
    if len(moves) > 1 and (moves != 0).any(axis=1).all():
        moves /= np.linalg.norm(moves, axis=1)[:, None]
        turned = np.median((moves[1:] * moves[:-1]).sum(axis=1))
        assert ("turns sharply" in caption) == (turned < 0.5)


def test_the_zigzag_of_the_default_way_is_as_large_as_can_be_told_apart():
    near = last(rosenbrock, "").updates["rosenbrock-close"]
    moves = np.diff(xy(near.data["path"])[-21:], axis=0)
    lengths = np.linalg.norm(moves, axis=1)
    # Of a picture of 230 pixels, twelve: more than twice a dot.
    assert lengths.min() > 12 / 230 * (near.x[1] - near.x[0])


def test_the_valleys_rings_are_where_it_has_their_height():
    for height in rosenbrock._LEVELS:
        line = rosenbrock._level_set(height)
        there = ~np.isnan(line[:, 0])
        np.testing.assert_allclose(rates.valley(line[there]), height, rtol=1e-9)
        assert line[there, 0].min() >= rosenbrock.X[0] - 1e-9
        assert line[there, 0].max() <= rosenbrock.X[1] + 1e-9
        # Nor can its corners be seen.
        assert np.nanmax(np.abs(np.diff(line[:, 0]))) < 0.05


def test_no_sentence_of_a_map_says_where_the_others_are():
    assert not any("left" in said or "right" in said for said in captions.MAP)
