"""Figure 6: one step at every level, from trials whose every number is known."""

import dataclasses

import numpy as np
import pytest

from gnlab.lab import scales
from gnlab.lab.figures import what_if, what_if_history
from gnlab.partitions import Rung
from gnlab.runs import Trials, WhatIf

LIMITS = scales.Limits(1.0, 0.01)
SIZES = (1, 2, 8, 16, 4000)
RUNGS = tuple(Rung(f"level{S}", S, f"S = {S}, some", "", 2.0 * S, S**3 / 1000) for S in SIZES)
NAN = float("nan")


@pytest.fixture
def found():
    trials = Trials(
        step=40, rungs=RUNGS,
        predicted=np.array([[0.1, 0.1], [0.2, 0.3], [0.3, NAN], [NAN, NAN], [NAN, NAN]]),
        measured=np.array([[0.1, 0.09], [0.15, -0.5], [0.2, NAN], [NAN, NAN], [NAN, NAN]]),
        status=(
            ("solved", "solved"), ("solved", "solved"), ("solved", "unbounded"),
            ("not tried", "not tried"), ("not tried", "not tried"),
        ),
        seconds=np.array([0.001, 0.002, 0.004, NAN, NAN]),
        solve_seconds=np.array([0.0001, 0.0001, 0.001, NAN, NAN]),
        gradient_seconds=0.0005, tried=3, wanted=4,
    )  # fmt: skip
    measured = np.array([[0.1, 0.2, 0.3, 0.4, NAN], [0.05, 0.1, 0.2, 0.2, NAN]])
    free = np.array([[-0.1, -0.2, NAN, NAN, NAN], [0.01, 0.02, 0.03, NAN, NAN]])
    return WhatIf(
        trials, steps=np.array([10.0, 20.0]),
        predicted=np.stack([2 * measured, 1e30 * free], axis=-1),
        measured=np.stack([measured, free], axis=-1),
        seconds=np.array([[0.001, 0.002, 0.003, 0.004, NAN]] * 2), every=10,
    )  # fmt: skip


def course(found, quantity="measured", **options):
    return what_if_history.update(found, LIMITS, **options)[f"what-if-{quantity}"]


def test_before_it_was_asked_it_says_how_to_ask():
    for update in (
        what_if.update(None, LIMITS),
        what_if.update(WhatIf(None, *[np.empty(0)] * 4, 0), LIMITS),
    ):
        assert update.data["curves"]["S"] == []
        assert "What if?" in update.data["note"]["text"][0]
    assert what_if.update_cost(None).data["costs"]["S"] == []
    for quantity, note in what_if_history.NOTHING.items():
        nothing = course(None, quantity).data
        assert nothing["cells"]["image"] == []
        assert nothing["note"]["text"] == [note]


def test_while_the_first_levels_are_tried_the_course_says_so(found):
    none_yet = dataclasses.replace(found, steps=np.empty(0), measured=np.empty((0, 5, 2)))
    note = course(none_yet).data["note"]
    assert note["text"] == [what_if_history.TRYING]
    assert course(found).data["note"]["text"] == ["measured decrease"]


def test_the_colours_of_the_course_have_a_scale_in_the_decreases_own_unit(found):
    colours = course(found).data["colours"]
    assert colours["label"] == ["−1", "−0.1", "0", "0.1", "1"]
    assert colours["at"] == pytest.approx(
        scales.signed(np.array([-1, -0.1, 0, 0.1, 1]), LIMITS), abs=1e-6
    )


def test_the_levels_that_were_tried_are_shown(found):
    update = what_if.update(found, LIMITS)
    curves = update.data["curves"]
    assert curves["S"].tolist() == [1, 2, 8]
    assert curves["measured"] == pytest.approx(scales.signed(np.array([0.1, 0.15, 0.2]), LIMITS))
    assert np.isnan(curves["predicted_free"][2])
    assert curves["told_predicted"][2] == "0.3 (λ_int = 0: unbounded)"
    assert curves["told_seconds"][1] == "2 ms, 4 gradients"
    assert update.data["groups"]["label"] == ["1", "2", "8", "16"]
    assert update.y[0] == -1.05  # a step without the cubic term went up


def test_the_axis_is_positive_where_every_step_goes_down(found):
    down = dataclasses.replace(found.trials, measured=np.abs(found.trials.measured))
    assert what_if.update(dataclasses.replace(found, trials=down), LIMITS).y[0] == -0.12


def test_the_cost_is_shown_beforehand_and_as_it_was(found):
    update = what_if.update_cost(found)
    costs = update.data["costs"]
    assert costs["cost"].tolist() == [2.0, 4.0, 16.0, 32.0]
    assert costs["measured"][:3].tolist() == pytest.approx([2.0, 4.0, 8.0])
    assert costs["solve"].tolist() == pytest.approx([0.001, 0.008, 0.512, 4.096])
    assert costs["measured_solve"][:3].tolist() == pytest.approx([0.2, 0.2, 2.0])
    assert costs["told_solve"][2:] == ["1 ms, 2 gradients", "not tried yet"]
    assert costs["told_seconds"][-1] == "not tried yet"
    assert update.y == (1.0, 100.0)


def test_over_training_a_row_is_a_level_and_the_newest_is_on_the_right(found):
    update = course(found)
    cells = update.data["cells"]
    term = cells["term"][0]
    assert term.shape == (4, 16)
    assert term[:, 0].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert term[:, -1].tolist() == pytest.approx([0.05, 0.1, 0.2, 0.2])
    assert cells["free"][0][:, -1].tolist() == pytest.approx([0.01, 0.02, 0.03, NAN], nan_ok=True)
    assert cells["seconds"][0][:, 0].tolist() == pytest.approx([0.001, 0.002, 0.003, 0.004])
    assert update.x == (10.0, 30.0)
    assert update.data["names"]["name"][0] == "S = 1, some"


@pytest.mark.parametrize(
    ("quantity", "cubic", "title", "first"),
    [
        ("predicted", True, "predicted decrease", [0.2, 0.4, 0.6, 0.8]),
        ("predicted", False, "predicted decrease, no cubic term", [-1e29, -2e29, NAN, NAN]),
        ("measured", True, "measured decrease", [0.1, 0.2, 0.3, 0.4]),
        ("measured", False, "measured decrease, no cubic term", [-0.1, -0.2, NAN, NAN]),
    ],
)
def test_the_promise_and_what_came_true_are_shown_on_one_scale(
    quantity, cubic, title, first, found
):
    shown = course(found, quantity, cubic=cubic).data
    assert shown["note"]["text"] == [title]
    expected = scales.signed(np.array(first), LIMITS)
    assert shown["cells"]["image"][0][:, 0] == pytest.approx(expected, nan_ok=True, abs=1e-6)
    assert shown["colours"]["label"] == course(found).data["colours"]["label"]


def test_the_scale_does_not_see_steps_without_the_cubic_term(found):
    wild = found.trials.predicted.copy()
    wild[1, 1] = 1e30
    trials = dataclasses.replace(found.trials, predicted=wild)
    values = what_if.values(dataclasses.replace(found, trials=trials))
    assert np.nanmax(np.abs(values)) < 1
