"""Gradients that are no numbers, and a model whose dtype changes in the middle."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.directions import NAMES
from gnlab.optimizers import GroupedNewton

DOUBLE = torch.float64


def problem(**choices):
    """A model, six batches, and an optimizer that summarises on them in turn."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    batches = [(torch.randn(20, 4), torch.randint(3, (20,))) for _ in range(6)]
    return model, batches, GroupedNewton(model, functional.cross_entropy, batches, **choices)


def step(model, batch, optimizer):
    optimizer.zero_grad()
    functional.cross_entropy(model(batch[0]), batch[1]).backward()
    optimizer.step()


def values(model):
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("period", [1, 10])
@pytest.mark.parametrize("direction", NAMES)
def test_a_gradient_that_is_no_number_moves_nothing_and_leaves_no_trace(direction, period, bad):
    """Two runs, of which one meets a bad gradient in between, go on alike."""
    runs = [problem(direction=direction, period=period) for _ in range(2)]
    for model, batches, optimizer in runs:
        for batch in batches[:3]:
            step(model, batch, optimizer)
    model, _, optimizer = runs[0]
    before = values(model)
    memory = [optimizer.state[p] for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    model[2].bias.grad[1] = bad
    optimizer.propose()
    optimizer.update()
    assert not optimizer.info.updated
    assert torch.equal(values(model), before)
    for p, kept in zip(model.parameters(), memory, strict=True):
        assert optimizer.state[p] is kept
    optimizer.steps -= 1
    for model, batches, optimizer in runs:
        for batch in batches[3:]:
            step(model, batch, optimizer)
        assert optimizer.info.updated
    assert torch.equal(values(runs[0][0]), values(runs[1][0]))


@pytest.mark.parametrize("period", [1, 10])
def test_a_bad_batch_costs_one_step(period):
    model, batches, optimizer = problem(period=period)
    step(model, (batches[0][0] * math.nan, batches[0][1]), optimizer)
    assert not optimizer.info.updated
    for batch in batches:
        step(model, batch, optimizer)
        assert optimizer.info.updated
    assert values(model).isfinite().all()


@pytest.mark.parametrize("direction", NAMES)
def test_a_model_may_change_its_dtype_in_the_middle(direction):
    model, batches, optimizer = problem(direction=direction, period=1)
    step(model, batches[0], optimizer)
    model.double()
    optimizer._batches = type(optimizer._batches)([(x.double(), y) for x, y in batches])
    for x, y in batches:
        step(model, (x.double(), y), optimizer)
        assert optimizer.info.updated
    for p in model.parameters():
        assert all(v.dtype is DOUBLE for v in optimizer.state[p].values() if v.is_floating_point())
    assert values(model).isfinite().all()
