"""The step sizes, now and over time."""

import numpy as np
import pytest

from gnlab.lab import palettes
from gnlab.lab.figures import rates, rates_history
from gnlab.lab.figures.strip import Meter
from gnlab.lab.frames import Painter, View
from gnlab.runs import Settings


def test_rates_show_size_and_sign_on_whole_decades(record):
    update = rates.update(record(), "tensor", palettes.LIGHT)
    shown = update.data["groups"]
    assert shown["size"] == pytest.approx([0.5, 0.01, 2.0, 0.03])  # zero stands at the lower end
    assert shown["marker"] == ["circle", "triangle", "circle", "circle"]
    assert shown["solved_at"] == pytest.approx([0.6, 4.0, 2.0, 0.03])
    assert shown["color"][:2] == [palettes.LIGHT.weights, palettes.LIGHT.biases]
    assert update.x == (0.01, 10.0)


def test_rates_of_an_optimizer_without_groups_say_so(snapshot, record):
    shown = snapshot(
        settings=Settings(optimizer="adam"), record=record(step_size=None), summary=None
    )
    update = Painter().updates(shown, View(), Meter())["rates"]
    assert update.data["note"]["text"] == [rates.WITHOUT]


def test_rates_over_time_are_an_image_of_exponents(history, roles):
    update = rates_history.update(history(), roles, "tensor")
    image = update.data["cells"]["image"][0]
    assert image.shape == (4, 5)
    assert (image[0] == -1).all()  # the first group's step size is zero: below the palette
    assert image[2] == pytest.approx(np.log10(2 * np.arange(1, 6)))
    assert update.z == (0.0, 2.0)
    assert update.x == (0.0, 5.0)


def test_rates_over_time_wait_for_the_new_partition(history):
    assert rates_history.update(history(), ("weights",), "tensor").data["cells"]["image"] == []
