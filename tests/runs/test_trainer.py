import math
import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from gnlab import problems
from gnlab.errors import InputError
from gnlab.guards import generators
from gnlab.optimizers import GroupedNewton
from gnlab.partitions import finer
from gnlab.problems import Batches, Stream
from gnlab.runs import Run
from gnlab.summaries import limits


def test_random_choices_inside_a_model_repeat_and_leave_no_trace(noisy_problem):
    run = Run(problem=noisy_problem())
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = [run.step().loss for _ in range(6)]
    assert torch.equal(torch.rand(3), expected)
    run.rewind(2)
    assert [run.step().loss for _ in range(4)] == first[2:]
    # Dropout is really at work: the same batch gives another loss in another step.
    run.change(lr=0.0)
    losses = {run.step().loss for _ in range(40)}
    assert len(losses) > 30


def test_what_a_model_draws_from_python_and_numpy_repeats_and_leaves_no_trace(own_problem):
    class Dropping(nn.Linear):
        def forward(self, x):
            kept = random.random() < 0.5
            return super().forward(x) * (kept + np.random.standard_normal())

    torch.manual_seed(0)
    problem = own_problem(Dropping(3, 1))
    before = generators.state()
    run = Run(problem=problem)
    first = [run.step().loss for _ in range(6)]
    assert generators.is_state(before)
    np.random.standard_normal()
    run.rewind(2)
    assert [run.step().loss for _ in range(4)] == first[2:]
    run.change(lr=0.0)
    assert len({run.step().loss for _ in range(40)}) > 30


def test_a_run_is_the_bare_optimizer_on_the_same_batches(parameters):
    run = Run("moons", period=2, seed=1)
    problem = problems.problem("moons", seed=1)
    settings = run.settings
    order = Batches(len(problem.train), settings.batch_size, 1, Stream.train_batches)
    summary = Batches(len(problem.train), settings.summary_batch_size, 1, Stream.summary_batches)
    optimizer = GroupedNewton(
        problem.model, problem.loss_fn, lambda k: problem.train.batch(summary.indices(k)),
        lr=settings.lr, damping=settings.damping, period=2, momentum=settings.momentum,
        step_momentum=settings.step_momentum, safeguard=settings.safeguard,
    )  # fmt: skip
    for step in range(5):
        x, y = problem.train.batch(order.indices(step))
        optimizer.zero_grad()
        loss = problem.loss_fn(problem.model(x), y)
        loss.backward()
        optimizer.step()
        record = run.step()
        assert record.loss == loss.item()
        np.testing.assert_array_equal(record.step_size, optimizer.info.step_sizes.numpy())
    for ours, bare in zip(run.model.parameters(), problem.model.parameters(), strict=True):
        assert torch.equal(ours, bare)


def test_a_change_of_the_batch_size_goes_on_in_the_epoch():
    run = Run("moons", batch_size=100)
    run.step()
    assert run.epoch == 0.25
    run.change(batch_size=50)
    assert run.epoch == 0.25
    run.step()
    assert run.epoch == 0.375


def test_measuring_a_step_leaves_the_running_statistics_alone(own_problem):
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(4)
    problem = own_problem(nn.Sequential(nn.Linear(3, 4), norm, nn.Tanh(), nn.Linear(4, 1)))
    run = Run(problem=problem, period=1)
    for _ in range(3):
        assert math.isfinite(run.step().decrease_measured)
    assert norm.num_batches_tracked == 3  # once for each gradient
    mean = norm.running_mean.clone()
    run.rewind(3)
    assert torch.equal(norm.running_mean, mean)


def test_a_run_is_refused_with_a_level_that_it_can_have(monkeypatch):
    monkeypatch.setattr(finer, "MOST", 4000)
    monkeypatch.setattr(limits, "CPU", 2000)
    with pytest.raises(InputError, match="at most 2 000 can be summarised") as refused:
        Run("digits-mlp", device="cpu", partition="element")
    nearest = re.search(r"The nearest level: '(.*)', with", str(refused.value))[1]
    Run("digits-mlp", device="cpu", partition=nearest, period=1).step()
