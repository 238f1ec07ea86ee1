"""A run of a model that takes gradients itself: an equation is solved, not only fitted."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import gnlab
from gnlab.runs import Run


class Equation(nn.Module):
    """u″ + u′ of a network u of three places, each on its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.u = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))

    def forward(self, x):
        at = x.reshape(-1, 1).detach().clone().requires_grad_()
        [slope] = torch.autograd.grad(self.u(at).sum(), at, create_graph=True)
        [bend] = torch.autograd.grad(slope.sum(), at, create_graph=True)
        return (slope + bend).reshape(x.shape)


@pytest.fixture
def equation(own_problem):
    problem = own_problem(Equation())
    return dataclasses.replace(
        problem, loss_fn=lambda out, y: (out - 1).square().mean(), validation=problem.train
    )


@pytest.mark.parametrize("safeguard", [True, False])
def test_an_equation_is_solved(equation, safeguard):
    run = Run(problem=equation, safeguard=safeguard, lr=0.3, period=1)
    records = [run.step() for _ in range(40)]
    assert records[-1].val_loss < 0.1 * records[0].val_loss
    assert records[-1].H_parts is not None  # which the fast pass alone gives
    assert not run.stopped


def test_every_level_is_tried(equation):
    run = Run(problem=equation)
    run.step()
    found = gnlab.what_if(run)
    assert np.isfinite(found["measured"].values[:4, 0]).all()
    assert [level.S for level in run.levels] == [
        rung.num_groups for rung in gnlab.ladder(run.model)
    ]


def test_a_ladder_has_a_cost_at_every_level():
    assert all(rung.cost > 0 for rung in gnlab.ladder(Equation()))
