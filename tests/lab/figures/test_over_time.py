"""The figures with a line over the steps: losses, decreases, the solve's scalars."""

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


def test_losses_are_smoothed_without_the_bias_of_the_start(history):
    update = losses.update(history())
    assert update.data["train"]["smooth"][0] == 2.0
    assert losses.smoothed(np.full(9, 3.0)) == pytest.approx(np.full(9, 3.0))
    assert update.data["validation"]["step"].tolist() == [1, 3, 5]
    assert update.y == (0.0, 2.0)


def test_predicted_and_measured_decrease_are_of_the_same_steps(history):
    lines = agreement.update(history(), LIMITS).data["lines"]
    assert lines["step"].tolist() == [1, 3, 5]
    assert lines["measured"] == pytest.approx(-np.asarray(lines["predicted"]))
