"""Gradients that are taken within a model by what asks for them elsewhere, or in unusual ways."""

import logging

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import summarise
from tests.summaries.recording.test_inner import assert_same, directions, network

DOUBLE = torch.float64


ASKING = {
    "leaf": lambda u, x: torch.autograd.grad(u(x).sum(), x, create_graph=True)[0],
    "factor": lambda u, x: by_factor(u, x, torch.ones(2, dtype=DOUBLE, requires_grad=True)),
    "given": lambda u, x: by_factor(u, x, torch.tensor([1.0, 2], dtype=DOUBLE, requires_grad=True)),
    "jacobian": lambda u, x: torch.autograd.functional.jacobian(u, x, create_graph=True)[:, 0].sum(
        1
    ),
    "hvp": lambda u, x: torch.autograd.functional.hvp(
        lambda z: u(z).sum(), x, torch.ones_like(x), create_graph=True
    )[1],
}


def by_factor(u, x, factor):
    return x * torch.autograd.grad(u(x * factor).sum(), factor, create_graph=True)[0]


@pytest.mark.parametrize("way", ASKING)
def test_inputs_that_ask_for_a_gradient(way):
    torch.manual_seed(0)
    model, x = Unusual(ASKING[way]), torch.randn(7, 2, dtype=DOUBLE, requires_grad=True)
    given = model, F.mse_loss, (x, torch.ones(7, 2, dtype=DOUBLE)), partition(model, "tensor")
    found = summarise(*given, directions(model))
    assert found.method == "jets"
    assert_same(found, summarise(*given, directions(model), method="autodiff"))
    assert x.grad is None


class Unusual(nn.Module):
    """A network whose gradient is asked for in a way that nobody knows."""

    def __init__(self, way):
        super().__init__()
        self.u, self.way = network(), way

    def forward(self, x):
        return self.way(self.u, x if x.requires_grad else x.clone().requires_grad_())


def by_batches(u, x):
    v = u(x)
    return torch.autograd.grad(
        v, x, torch.eye(7, dtype=DOUBLE)[..., None], create_graph=True, is_grads_batched=True
    )[0].sum(0)


def unused(u, x):
    other = torch.ones(3, dtype=DOUBLE, requires_grad=True)
    given = torch.autograd.grad(u(x).sum(), (x, other), create_graph=True, allow_unused=True)
    return given[0]


def at_an_edge(u, x):
    edge = torch.autograd.graph.get_gradient_edge(x)
    return torch.autograd.grad(u(x).sum(), (edge,), create_graph=True)[0]


def of_more_than_a_scalar(u, x):
    try:
        torch.autograd.grad(u(x), x, create_graph=True)
    except RuntimeError:  # torch's own
        return u(x).expand(7, 2)
    raise AssertionError


def of_another_shape(u, x):
    try:
        torch.autograd.grad(u(x), x, torch.ones(7, dtype=DOUBLE), create_graph=True)
    except RuntimeError:  # torch's own
        return u(x).expand(7, 2)
    raise AssertionError


def through_what_is_unseen(u, x):
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, h):
            return 2 * h

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    return torch.autograd.grad(Doubled.apply(u(x)).sum(), x, create_graph=True)[0]


def of_what_was_overwritten(u, x):
    h = u[0](x)
    v = torch.square(u[2](torch.tanh(h))).sum()
    h.mul_(2)
    return torch.autograd.grad(v, x, create_graph=True)[0] + u[4](torch.ones_like(h[:, :5]))


WAYS = (
    by_batches, unused, at_an_edge, of_more_than_a_scalar, of_another_shape,
    through_what_is_unseen,
    of_what_was_overwritten,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_unusual_gradients_take_the_plain_way_and_are_right(way, caplog):
    torch.manual_seed(0)
    model, x = Unusual(way), torch.randn(7, 2, dtype=DOUBLE)
    given = model, F.mse_loss, (x, torch.ones(7, 2, dtype=DOUBLE)), partition(model, "tensor")
    with caplog.at_level(logging.WARNING, logger="gnlab"):
        found = summarise(*given, directions(model))
    assert found.method == "autodiff"
    assert_same(found, summarise(*given, directions(model), method="autodiff"), 1e-14)
