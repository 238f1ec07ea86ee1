"""Frames are plain data, and say what the mathematics says."""

import json
import re

import numpy as np
import pytest

from gnlab import rates
from gnlab.lab import palettes
from gnlab.lab.figures.base import paint
from gnlab.lab.slide import captions, network, quadratic, rosenbrock, state
from gnlab.lab.slide.figures import contours, factors, maps
from gnlab.lab.slide.frame import colours, number, said, table, told_apart
from gnlab.lab.slide.side_by_side import SideBySide
from gnlab.lab.slide.views import Scene, show

BUILD = {"quadratic": quadratic, "rosenbrock": rosenbrock, "network": network}


def chosen(query):
    return state.from_query(query)[0]


def last(frames):
    return list(frames)[-1]


def test_two_dimensions_are_two_pictures_of_one_surface():
    frame = last(quadratic.frames(chosen("rotation=40&steps=12")))
    assert not frame.hidden
    cauchy, newton = (frame.updates[f"quadratic-{name}"] for name in ("cauchy", "newton"))
    assert len(cauchy.data["path"]["x"]) == 13
    assert "surface" not in newton.data
    plots = quadratic.build()
    for name in ("surface", "lines"):
        shared = [plots[f"quadratic-{end}"].sources[name] for end in ("cauchy", "newton")]
        assert shared[0] is shared[1]
    assert cauchy.data["start"] == newton.data["start"]
    x, y = cauchy.data["path"]["x"], cauchy.data["path"]["y"]
    assert cauchy.x[0] < min(x) < max(x) < cauchy.x[1]
    assert cauchy.y[0] < min(y) < max(y) < cauchy.y[1]
    assert np.hypot(newton.data["path"]["x"][1], newton.data["path"]["y"][1]) < 1e-12


@pytest.mark.parametrize("size", [4, 64])
def test_more_dimensions_are_curves_and_rates(size):
    frames = list(quadratic.frames(chosen(f"size={size}&condition=100&coupling=6")))
    assert len(frames) == (2 if size > 8 else 1)
    frame = frames[-1]
    assert frame.hidden == {"quadratic-cauchy", "quadratic-newton"}
    levels = frame.updates["quadratic-factors"].data["levels"]
    assert levels["groups"] == rates.doublings(size)
    assert levels["rate"][0] == pytest.approx(rates.kantorovich(100), rel=0.01)
    assert levels["left"][-1] <= 1e-8
    assert all(np.array(levels["largest"][:-1]) <= np.array(levels["bound"][:-1]) + 1e-9)
    cloud = frame.updates["quadratic-factors"].data["cloud"]
    assert len(cloud["y"]) == 20 * len(levels["groups"])
    first = np.array(cloud["largest"])[np.array(cloud["groups"]) == 1]
    assert first.max() <= rates.kantorovich(100) * (1 + 1e-9)
    assert len(frame.updates["quadratic-curves"].data["lines"]["xs"]) == len(levels["groups"])
    if size > 8:
        assert frames[0].updates["quadratic-factors"].data["cloud"]["y"] == []


def test_groups_that_are_the_blocks_have_the_rate_of_the_worst():
    frame = last(quadratic.frames(chosen("size=8&coupling=1&condition=1000")))
    levels = frame.updates["quadratic-factors"].data["levels"]
    assert levels["bound"][2] == pytest.approx(rates.kantorovich(1000 ** (1 / 7)))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", ("is its bound", "Newton is there after one step")),
        ("start=random", ("below its bound", "none of its steps has exceeded it")),
        ("start=random&size=16&condition=10000", ("below its bound",)),
        ("size=16", ("below its bound", "All levels begin at one point")),
        ("size=16&start=own", ("is its bound", "at their own worst starts")),
        ("rotation=45", ("is its bound", "a group without slope cannot move")),
    ],
)
def test_the_verdict(query, words):
    frame = last(quadratic.frames(chosen(query)))
    for one in words:
        assert one in frame.texts["quadratic-verdict"]


@pytest.mark.parametrize("start", ["shared", "worst", "random"])
@pytest.mark.parametrize("condition", [1, 1.00001, 1.01, 10, 10_000])
@pytest.mark.parametrize("size", [2, 16])
def test_what_is_said_to_be_below_its_bound_can_be_seen_to_be(start, condition, size):
    for seed in range(8):
        query = f"start={start}&condition={condition}&size={size}&seed={seed}"
        line = last(quadratic.frames(chosen(query))).texts["quadratic-verdict"]
        factor, bound = re.search(r"factor (\S+) is .* = ([^:,\s]+)[:,.]", line).groups()
        assert ("below its bound" in line) == (factor != bound)
        if condition == 1:
            worst = start == "worst" or (start == "shared" and size == 2)
            assert f"factor 0 is {'at ' * (not worst)}its bound" in line


def test_a_factor_has_as_many_digits_as_tell_it_from_its_bound():
    bound = rates.kantorovich(1e4)
    assert told_apart(bound, 0.25) == ["0.25", "0.9996"]
    assert told_apart(bound, 0.9995999, 0.9990) == ["0.9995999", "0.9990000", "0.9996001"]
    assert told_apart(bound, bound * (1 - 1e-12)) == ["0.9996", "0.9996"]
    assert told_apart(2e-5, 2e-5 * (1 - 1.4e-9)) == ["1.999999997·10⁻⁵", "2.000000000·10⁻⁵"]
    assert told_apart(0.0, 0.0, 0.0) == ["0", "0", "0"]
    assert told_apart(2.5e-11, 2.4e-11) == ["2.4·10⁻¹¹", "2.5·10⁻¹¹"]
    assert told_apart(0.6694214, 0.2121) == ["0.2121", "0.6694"]
    table = last(quadratic.frames(chosen("start=random&condition=10000&size=64"))).texts
    rows = re.findall(r"S = [^<]*</th>" + 3 * "<td>([^<]*)</td>", table["quadratic-table"])
    assert len(rows) == 7
    assert all(factor != bound != largest for factor, largest, bound in rows[:-1])


@pytest.mark.parametrize("rotation", [0, 30, 44, 45, 46, 90])
@pytest.mark.parametrize("size", [2, 4, 16])
@pytest.mark.parametrize("coupling", [0, 1, 2])
def test_no_level_is_above_its_bound(rotation, size, coupling):
    frame = last(quadratic.frames(chosen(f"rotation={rotation}&size={size}&coupling={coupling}")))
    data = frame.updates["quadratic-factors"].data
    levels = data["levels"]
    assert (np.array(levels["largest"]) <= np.array(levels["bound"]) + 1e-12).all()
    there = levels["left"][-1] <= 1e-8
    assert there == (levels["bound"][-1] == 0)
    assert data["ends"]["text"][1] == ("Newton: one step" if there else "Newton: not in one step")
    assert there == (rotation != 45 or size > 2 or coupling == 0)


def test_a_condition_number_of_one_and_a_large_one_can_be_drawn():
    for condition in (1, 10_000):
        frame = last(quadratic.frames(chosen(f"condition={condition}")))
        for update in frame.updates.values():
            assert np.isfinite([*(update.x or ()), *(update.y or ())]).all()
            assert (update.x or (0, 1))[0] < (update.x or (0, 1))[1]


def test_the_valley():
    frame = last(rosenbrock.frames(chosen("scene=rosenbrock&valley_steps=9")))
    path = frame.updates["rosenbrock-cauchy"].data["path"]
    assert (path["x"][0], path["y"][0], len(path["x"])) == (-1.2, 1.0, 10)
    assert "Above the curve y = x² + 1/200" in frame.texts["rosenbrock-verdict"]
    assert "S = 2, Newton" in frame.texts["rosenbrock-table"]
    stopped = last(rosenbrock.frames(chosen("start_x=0&start_y=1&damping=0")))
    assert "unbounded" in stopped.texts["rosenbrock-table"]
    assert "Move λ_int away from 0" in stopped.texts["rosenbrock-verdict"]
    flat = last(rosenbrock.frames(chosen("start_x=0&start_y=3&damping=0.1")))
    assert "unbounded" in flat.texts["rosenbrock-table"]
    assert "λ_int" not in flat.texts["rosenbrock-verdict"]
    assert "Start beside x = 0" in flat.texts["rosenbrock-verdict"]
    beside = last(rosenbrock.frames(chosen("start_x=0.01&start_y=3&damping=0.1")))
    assert "unbounded" not in beside.texts["rosenbrock-table"]


def test_networks_side_by_side_begin_alike_and_can_be_looked_back_at():
    scene = network.Network()
    frames = list(scene.frames(chosen("finest=tensor&network_steps=3")))
    first, final = frames[0], frames[-1]
    names = [f"network-map-{i}" for i in range(3)]
    assert final.hidden == {"network-map-3", "network-map-4"}
    begun = [first.updates[name].data["map"]["image"][0] for name in names]
    ended = [final.updates[name].data["map"]["image"][0] for name in names]
    assert (begun[0] == begun[1]).all()
    assert (begun[0] == begun[2]).all()
    assert (ended[0] != ended[2]).any()
    assert np.abs(ended[0]).max() <= 1
    back = list(scene.frames(chosen("finest=tensor&network_steps=0")))
    assert len(back) == 1
    assert (back[0].updates[names[1]].data["map"]["image"][0] == begun[1]).all()
    assert "Step 0 of 0" in back[0].texts["network-verdict"]
    losses = final.updates["network-curves"].data["lines"]["ys"]
    assert all(len(line) == 4 and line[-1] < line[0] for line in losses)


def test_what_is_lost_stays_where_it_was_and_says_why():
    runs = SideBySide("moons", "tensor", 0, 30.0)
    runs.fellows[0].ended = "On purpose."
    runs.advance()
    assert runs.steps == 1
    assert all(len(fellow.maps) == 2 for fellow in runs.fellows)
    assert runs.fellows[0].losses[0] == runs.fellows[0].losses[1]
    assert runs.fellows[1].losses[0] > runs.fellows[1].losses[1]


def test_without_the_cubic_term_a_network_says_in_short_what_ended_it_and_what_to_do():
    scene, query = network.Network(), "data=spirals&finest=unit&network_damping=0"
    frame = last(scene.frames(chosen(f"{query}&network_steps=2")))
    assert frame.texts["network-table"].count("<td>unbounded, step&nbsp;1</td>") == 3
    assert "model falls without limit" not in frame.texts["network-table"]
    verdict = frame.texts["network-verdict"]
    assert "Step 2 of 2" in verdict
    assert "No next step for S = 8, 28 and 148: the loss bends down" in verdict
    assert "Move λ_int away from 0." in verdict
    back = last(scene.frames(chosen(f"{query}&network_steps=0")))
    assert "unbounded" not in back.texts["network-table"]
    assert "No next step" not in back.texts["network-verdict"]


@pytest.mark.parametrize(
    ("what", "damping", "remedy"),
    [
        ("unbounded", 0.0, "Move λ_int away from 0."),
        ("unbounded", 1.0, "Choose coarser groups or another seed."),
        ("singular", 1.0, "Give more λ_int, or choose coarser groups."),
        ("nonfinite", 0.0, "Give more λ_int, or choose coarser groups."),
        ("too long", 1.0, "Give more λ_int, which keeps them short."),
    ],
)
def test_whatever_ended_a_network_has_a_remedy_of_its_own(what, damping, remedy):
    said = captions.ended(what, [8], damping)
    assert said.startswith("No next step for S = 8: ")
    assert said.endswith(remedy)
    assert "S = 1, 8 and 28:" in captions.ended(what, [1, 8, 28], damping)


def test_of_several_ends_each_has_its_own_sentence():
    runs = SideBySide("spirals", "element", 0, 0.0)
    for fellow, what in zip(
        runs.fellows, ("", "unbounded", "too long", "unbounded", "singular"), strict=True
    ):
        fellow.ended, fellow.last = what, 0
    said = network._advice(runs, chosen("network_damping=0"), 0)
    assert said.count("No next step for") == 3
    places = [said.index(words) for words in ("S = 8 and 148:", "S = 28:", "S = 1322:")]
    assert places == sorted(places)
    for remedy in ("Move λ_int away from 0.", "which keeps them short.", "coarser groups."):
        assert remedy in said


def test_a_network_whose_steps_are_far_too_long_has_ended_with_its_last_one():
    runs = SideBySide("moons", "tensor", 0, 30.0)
    runs.fellows[0].losses[0] = 1e-9
    runs.advance()
    assert (runs.fellows[0].ended, runs.fellows[0].last) == ("too long", 1)
    runs.advance()
    assert (runs.fellows[0].last, runs.fellows[1].last) == (1, 2)
    assert [fellow.ended for fellow in runs.fellows[1:]] == ["", ""]


@pytest.mark.parametrize(
    ("data", "expected"), [("moons", [1, 6, 20, 68, 354]), ("spirals", [1, 8, 28, 148, 1322])]
)
def test_side_by_side_is_all_the_way_from_cauchy_to_newton(data, expected):
    runs = SideBySide(data, "element", 0, 30.0)
    assert [fellow.rung.num_groups for fellow in runs.fellows] == expected
    runs.advance()
    assert [fellow.ended for fellow in runs.fellows] == [""] * 5
    assert len({fellow.losses[1] for fellow in runs.fellows}) == 5


@pytest.mark.parametrize("name", list(BUILD))
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_frame_fits_the_figures_and_the_texts_of_its_scene(name, theme):
    scene = Scene(name, BUILD[name].build())
    made = network.Network().frames if name == "network" else BUILD[name].frames
    frame = next(iter(made(chosen(f"theme={theme}&network_steps=0"))))
    assert frame.scene == name
    assert set(frame.texts) <= set(scene.texts)
    scene.hide(frame.hidden)
    for plot, update in frame.updates.items():
        show(scene.plots[plot], update)
        paint(scene.plots[plot].figure, palettes.theme(theme))
        for columns in update.data.values():
            assert len({len(column) for column in columns.values()}) == 1
    for plot in scene.plots.values():
        json.dumps([float(plot.figure.x_range.start), float(plot.figure.y_range.end)])


def test_every_card_says_what_it_shows_in_one_sentence():
    captioned = [text for cards in captions.CARDS.values() for _, text in cards.values()]
    for caption in [*captioned, *captions.MAP]:
        assert caption.endswith(".")
        assert caption.count(". ") == 0
    assert len(captions.MAP) == network.PLACES


def test_pieces():
    assert [number(value) for value in (0.0, 1e-20, 0.25, 123.456, 3.14e-5)] == [
        "0", "0", "0.25", "123.5", "3.1·10⁻⁵",
    ]  # fmt: skip
    assert len(set(colours(palettes.LIGHT, 7))) == 7
    assert '<progress max="4" value="1">' in said("x", (1, 4))
    assert "&lt;b&gt;" in said("<b>")
    assert "<td>2</td>" in table(("a", "b"), [("1", "2")])
    lines = contours.level_lines(
        np.arange(5.0), np.arange(4.0), np.add.outer(np.arange(4.0), np.arange(5.0)), [1.5, 2.5]
    )
    assert len(lines) == 2
    np.testing.assert_allclose(lines[0].sum(axis=1), 1.5)
    assert factors.cloud([1, 2], np.ones((2, 3)), np.ones((2, 3))).data["cloud"]["seed"] == [
        0, 1, 2, 0, 1, 2,
    ]  # fmt: skip
    parted = maps.points(np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([False, True]))
    assert parted.data["second"]["y"].tolist() == [3.0]
