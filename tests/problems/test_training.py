"""The recommended settings do what they are recommended for, on every embedded problem."""

import pytest
import torch

from gnlab.optimizers import GroupedNewton
from gnlab.partitions import partition
from gnlab.problems import Batches, Stream, problem
from gnlab.summaries import summarise

EMBEDDED = (
    "digits-mlp", "digits-deep", "moons", "circles", "spirals", "quadratic", "rosenbrock",
)  # fmt: skip


def train(name: str, steps: int, seed: int = 0):
    """The problem after some steps of GroupedNewton at the recommended settings."""
    p = problem(name, seed=seed)
    h = p.hyperparameters
    train_order = Batches(len(p.train), h.batch_size, seed)
    summary_order = Batches(len(p.train), h.summary_batch_size, seed, Stream.summary_batches)
    optimizer = GroupedNewton(
        p.model,
        p.loss_fn,
        lambda drawn: p.train.batch(summary_order.indices(drawn)),
        partition=h.partition,
        lr=h.lr,
        damping=h.damping,
        period=h.period,
        direction=h.direction,
        momentum=h.momentum,
        step_momentum=h.step_momentum,
        safeguard=h.safeguard,
    )
    for step in range(steps):
        x, y = p.train.batch(train_order.indices(step))
        optimizer.zero_grad()
        p.loss_fn(p.model(x), y).backward()
        optimizer.step()
    return p


def accuracy(p, data):
    x, y = data.batch(torch.arange(len(data)))
    with torch.no_grad():
        return (p.model(x).argmax(dim=1) == y).double().mean().item()


@pytest.mark.parametrize(
    ("name", "steps", "reached"),
    [
        ("digits-mlp", 100, 0.95),
        ("digits-deep", 200, 0.85),
        ("moons", 150, 0.98),
        ("circles", 120, 0.98),
        ("spirals", 260, 0.95),
    ],
)
def test_classification(name, steps, reached):
    p = train(name, steps)
    assert accuracy(p, p.train) > reached
    assert accuracy(p, p.validation) > reached - 0.03


@pytest.mark.parametrize("name", EMBEDDED)
def test_no_problem_takes_the_slow_way_to_a_summary(name):
    p = problem(name)
    batch = p.train.batch(torch.arange(1))
    groups = partition(p.model, p.hyperparameters.partition)
    assert summarise(p.model, p.loss_fn, batch, groups).method == "jets"


def test_quadratic_at_cauchys_rate():
    """One group, λ₁ = 1: 20 steps of exact line search from the worst start."""
    start, end = problem("quadratic").model, train("quadratic", 20).model
    shrunk = (end.height(end.theta) / start.height(start.theta)).item()
    assert shrunk == pytest.approx((29 / 31) ** 40, rel=1e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_rosenbrock_follows_the_valley(seed):
    end = train("rosenbrock", 250, seed).model
    assert end.height(end.theta).item() < 0.03
