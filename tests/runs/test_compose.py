"""What a step's record holds."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gnlab.runs import Run
from gnlab.runs import compose as composing
from gnlab.summaries import compute, measure
from gnlab.summaries.replay import forget
from gnlab.summaries.rules.table import RULES


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


def test_a_record_has_the_curvature_by_kind_of_operation():
    run = Run("moons", dtype="float64", period=2)
    record, between = run.step(), run.step()
    assert record.H_parts.shape == (3, 6, 6)
    np.testing.assert_allclose(record.H_parts.sum(axis=0), record.H, rtol=1e-9, atol=1e-12)
    loss, activations, products = record.H_parts
    assert np.linalg.eigvalsh(loss)[0] > -1e-9 * np.abs(loss).max()  # a convex loss
    assert (np.diag(products) == 0).all()  # a product is linear in each of its factors
    assert np.abs(activations).max() > 0
    eta = record.step_size
    np.testing.assert_allclose(record.bends, record.H_parts @ eta @ eta, rtol=1e-9)
    np.testing.assert_array_equal(record.H_diagonal, np.diag(record.H))
    assert between.H_parts is None
    assert between.bends is None
    assert between.H_diagonal is None
    assert run.history.share_step.tolist() == [1]
    # A run that is rewound has the step's shares, not those of the way that was given up.
    run.step()
    run.rewind(1)
    assert run.history.share_step.tolist() == [1]


def test_where_the_plain_way_is_taken_the_parts_are_left_out(monkeypatch):
    run = Run("moons", period=1)
    passes = []
    plain = measure.Computation.by_definition

    def counted(computation):
        passes.append(computation)
        return plain(computation)

    monkeypatch.setattr(measure.Computation, "by_definition", counted)
    monkeypatch.setattr(compute, "gauss_newton", None)  # an extra pass would fail
    monkeypatch.delitem(RULES, "linear")
    forget()  # a summary that is repeated asks for no rule
    record = run.step()
    assert len(passes) == 1
    assert record.H is not None
    assert record.H_parts is None
    assert run.history.share.shape == (0, 3)


def test_what_each_part_bends_along_the_step_is_the_same_in_other_units():
    """The same function, with the second group's direction ten times as long."""
    parts = [[[3.0, 1.0], [1.0, 2.0]], [[0.0, -1.0], [-1.0, 0.0]], [[0.0, 0.0], [0.0, -2.0]]]
    found = []
    for unit in (torch.tensor([1.0, 1.0]), torch.tensor([1.0, 10.0])):
        own = [
            SimpleNamespace(kind=kind, H=torch.tensor(H) * torch.outer(unit, unit))
            for kind, H in zip(("loss", "activation", "product"), parts, strict=True)
        ]
        step_size = 1 / unit.double().numpy()
        found.append(
            composing._parts(SimpleNamespace(parts=own, H=own[0].H), ("weights",) * 2, step_size)
        )
    (kept, bends), (_, others) = found
    np.testing.assert_array_equal(kept, np.array(parts))
    np.testing.assert_allclose(bends, [7, -2, -2])
    np.testing.assert_allclose(others, bends, rtol=1e-6)
