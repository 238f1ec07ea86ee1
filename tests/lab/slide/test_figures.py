"""The slide's figures: ticks, labels and lines that can be told apart."""

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.models import LogAxis

from gnlab.lab.slide import state
from gnlab.lab.slide.figures import curves, factors
from gnlab.lab.slide.network import build as build_network
from gnlab.lab.slide.quadratic import build, frames
from gnlab.lab.slide.rosenbrock import build as build_rosenbrock
from gnlab.lab.slide.views import show


@pytest.mark.parametrize("scene", [build, build_rosenbrock, build_network])
def test_a_figure_can_be_sent_before_it_is_painted(scene):
    document = Document()
    for plot in scene().values():
        document.add_root(plot.figure)
    assert len(document.to_json(deferred=False)["roots"]) > 2


def curve(*values):
    return curves.Curve("S = 2", "#000000", np.array(values))


def updated(*values, steps=1):
    return curves.update([curve(*values)], steps, log=True)


def test_a_curve_that_has_arrived_stands_at_the_foot_of_the_axis():
    curve = curves.Curve("S = 2", "#000000", np.array([1.0, 0.0]))
    update = curves.update([curve], 1, log=True)
    foot = update.data["ticks"]["at"][0]
    assert update.data["dots"]["y"][1] == foot
    assert update.data["dots"]["value"][1] == 0
    assert update.y[0] < foot < 0.1
    assert update.y[1] > 1
    assert update.data["ticks"]["label"][0] == "0"


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((1.0, 1e-15), ["10⁻¹⁵", "10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1"]),
        ((1.0, 1e-7, 1e-30), ["0", "10⁻⁶", "10⁻⁴", "0.01", "1"]),
        ((1.0, 0.92, 0.0), ["0", "0.1", "0.2", "0.5", "1"]),
        ((1.0, 0.92), ["0.1", "0.2", "0.5", "1"]),
        ((0.74, 0.48), ["0.1", "0.2", "0.5", "1"]),
        ((3e-5, 2e-5), ["1·10⁻⁵", "2·10⁻⁵", "5·10⁻⁵", "10⁻⁴"]),
        ((9.0, 0.05), ["0.01", "0.1", "1", "10"]),
    ],
)
def test_the_ticks_of_a_logarithmic_axis_are_few_and_apart(values, labels):
    update = updated(*values)
    ticks = update.data["ticks"]
    assert list(ticks["label"]) == labels
    low, high = np.log10(update.y)
    places = (np.log10(ticks["at"]) - low) / (high - low)
    assert places.min() >= 0
    assert places.max() <= 1
    assert np.diff(places).min() > 0.15


def test_a_logarithmic_axis_has_the_ticks_of_its_data_and_steps_are_whole():
    for plot in (build()["quadratic-curves"], build_network()["network-curves"]):
        show(plot, updated(1.0, 0.5))
        assert isinstance(plot.figure.yaxis[0], LogAxis)
        assert plot.figure.yaxis[0].ticker is plot.figure.ygrid[0].ticker
        assert plot.figure.yaxis[0].ticker.ticks == list(plot.sources["ticks"].data["at"])
        assert plot.figure.xaxis[0].ticker.min_interval == 1


def test_of_curves_that_are_equal_each_can_be_seen_and_theory_is_above_them_all():
    plot = curves.build("curves", "f", log=True)
    last = plot.figure.renderers[-1]
    assert last.data_source is plot.sources["theory"]
    update = curves.update([curve(1.0, 0.5)] * 7, 1, log=True)
    width, size = update.data["lines"]["width"], np.array(update.data["dots"]["size"])[::2]
    assert (np.diff(width) < 0).all()
    assert (np.diff(size) < 0).all()
    assert (size > width).all()
    assert width[0] - size[-1] > 0.4


def test_a_figure_that_fills_its_card_is_never_higher_than_a_small_screen():
    for plot in (curves.build("curves", "f", log=True), factors.build("factors")):
        assert plot.figure.height_policy == "max"
        assert plot.figure.min_height < plot.figure.max_height < 700


@pytest.mark.parametrize("bound", [0.0, 0.9996])
def test_the_labels_of_both_ends_are_in_sight_and_apart(bound):
    ones = np.ones(2)
    made = factors.update([1, 2], ones, ones, np.array([bound, 0.0]), ones, ["red", "blue"])
    cauchy, newton = made.data["ends"]["y"]
    assert newton - cauchy > 0.15
    assert made.y[1] - newton > 0.2


@pytest.mark.parametrize("query", ["size=64&condition=10000&coupling=6", "rotation=45", "size=8"])
def test_no_label_is_over_a_factor(query):
    update = list(frames(state.from_query(query)[0]))[-1].updates["quadratic-factors"]
    data = update.data
    cauchy, newton = data["ends"]["y"]
    highest = max(*data["cloud"]["y"], *data["levels"]["largest"], *data["bounds"]["y"])
    assert highest == pytest.approx(cauchy, abs=1e-12)
    assert newton > cauchy
    leader = data["leader"]
    assert leader["x"] == [len(data["levels"]["groups"]) - 1] * 2
    assert leader["y"] == [data["levels"]["rate"][-1], newton]


def test_the_factors_axis_ends_with_what_a_factor_can_be():
    assert max(factors.build("factors").figure.yaxis[0].ticker.ticks) == 1
