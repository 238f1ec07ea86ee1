"""When a model is validated, and on what."""

import math

import pytest
import torch

from gnlab import problems
from gnlab.problems import Batches
from gnlab.runs import Run
from gnlab.runs.validation import SAMPLES, Validator


def test_validation_costs_at_most_a_tenth_and_comes_at_each_epochs_end():
    run = Run("digits-mlp", optimizer="adam", batch_size=100)
    records = [run.step() for _ in range(31)]
    measured = [r.step for r in records if not math.isnan(r.val_loss)]
    # 297 samples forward against three forwards of 100: every tenth step, and epochs of 15.
    assert measured == [1, 10, 15, 20, 30]
    assert all(0 <= r.accuracy <= 1 for r in records if r.step in measured)
    assert records[29].val_loss < records[0].val_loss


def test_it_is_the_mean_over_the_first_samples():
    problem = problems.problem("digits-mlp")
    found = Validator(problem, torch.device("cpu"), torch.float32).measure(problem.model)
    data = problem.validation
    x, y = data.batch(torch.arange(min(len(data), SAMPLES)))
    with torch.no_grad():
        out = problem.model(x)
    assert found.loss == pytest.approx(problem.loss_fn(out, y).item(), rel=1e-5)
    assert found.accuracy == pytest.approx((out.argmax(1) == y).double().mean().item())
    assert problem.model.training


def test_a_surface_has_nothing_to_validate():
    problem = problems.problem("quadratic")
    validator = Validator(problem, torch.device("cpu"), torch.float32)
    assert not validator.due(1, Batches(1, 1, 0))
    assert math.isnan(validator.measure(problem.model).loss)
