"""What a step's record holds."""

import math

import numpy as np
import pytest

from gnlab.runs import Run


def test_a_record_holds_what_its_step_measured(parameters):
    run = Run("quadratic", dtype="float64", partition="all", damping=0.0)
    before = parameters(run).numpy()
    record = run.step()
    A = run.model.matrix.numpy()
    u = A @ before
    assert record.step == 1
    assert record.loss == pytest.approx(0.5 * before @ A @ before)
    np.testing.assert_allclose(record.g, [u @ u])
    np.testing.assert_allclose(record.H, [[u @ A @ u]])
    np.testing.assert_allclose(record.step_size_solved, [u @ u / (u @ A @ u)])
    after = parameters(run).numpy()
    measured = record.loss - 0.5 * after @ A @ after
    assert record.decrease_measured == pytest.approx(measured, rel=1e-12)
    # On a quadratic the order-2 model is the loss itself.
    assert record.decrease_predicted == pytest.approx(measured, rel=1e-12)
    assert record.status == "solved"
    assert record.group == ("all",)
    assert math.isnan(record.val_loss)
    assert record.H.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        record.H[0, 0] = 1.0


def test_steps_between_summaries_have_none():
    run = Run("moons", period=3)
    records = [run.step() for _ in range(7)]
    assert [r.step for r in records if r.H is not None] == [1, 4, 7]
    assert [r.status for r in records] == ["solved", "", "", "solved", "", "", "solved"]
    assert all(r.step_size is not None for r in records)
    assert all(math.isnan(r.decrease_measured) == (r.H is None) for r in records)
    run.rewind(6)
    assert run.summary.step == 4
