"""The figures with a line over the steps: losses, decreases, the solve's scalars."""

import dataclasses

import numpy as np
import pytest

from gnlab.lab import scales
from gnlab.lab.figures import agreement, losses, trust

LIMITS = scales.Limits(9.0, 0.01)


def test_the_solves_scalars_hold_their_last_value(history):
    lines = trust.update(history()).data["lines"]
    assert lines["radius"] == pytest.approx([1, 1, 1 / 3, 1 / 3, 1 / 5])
    assert np.isnan(lines["radius_min"]).all()  # r₀ = 0 has no place on a logarithmic axis
    assert lines["taken"] == pytest.approx(0.1 * np.ones(5))  # λ₁ times what was let through
    kappa = trust.update_eigenvalue(history(), LIMITS).data["lines"]
    assert kappa["value"][0] == -1
    assert kappa["shown"][0] < 0


def test_a_value_between_two_gaps_is_a_dot_as_no_line_reaches_it(history):
    taken = np.array([1.0, 0.0, 0.5, 0.0, 0.0])
    least = np.array([0.0, 2.0, 0.0, 3.0, 4.0])
    made = dataclasses.replace(history(), taken=taken, radius_min=least)
    alone = trust.update(made).data["alone"]
    assert alone["step"].tolist() == [1, 2, 3]
    assert alone["taken"] == pytest.approx([0.1, np.nan, 0.05], nan_ok=True)
    assert alone["radius_min"] == pytest.approx([np.nan, 2.0, np.nan], nan_ok=True)
    assert not trust.update(history()).data["alone"]["step"].size


def test_losses_are_smoothed_without_the_bias_of_the_start(history):
    update = losses.update(history())
    assert update.data["train"]["smooth"][0] == 2.0
    assert losses.smoothed(np.full(9, 3.0)) == pytest.approx(np.full(9, 3.0))
    assert update.data["validation"]["step"].tolist() == [1, 3, 5]
    assert update.y == (0.0, 2.0)


def test_a_problem_without_classes_has_no_accuracy_and_says_so(history):
    none = dataclasses.replace(history(), accuracy=np.full(5, np.nan))
    assert losses.update_accuracy(none).data["note"]["text"] == ["no accuracy here"]
    for some in (None, history(0), history()):
        assert losses.update_accuracy(some).data["note"]["text"] == []


def test_predicted_and_measured_decrease_are_of_the_same_steps(history):
    lines = agreement.update(history(), LIMITS).data["lines"]
    assert lines["step"].tolist() == [1, 3, 5]
    assert lines["measured"] == pytest.approx(-np.asarray(lines["predicted"]))
