"""H̄ by operation: in which order, where groups are divided or batches take different ways."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab import partition, summarise

DOUBLE = torch.float64


class Branching(nn.Module):
    """Another activation for each of two kinds of batches."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 5, dtype=DOUBLE), nn.Linear(5, 3, dtype=DOUBLE)

    def forward(self, x):
        h = self.first(x)
        return self.second(torch.tanh(h) if x[0, 0] > 0 else functional.silu(h))


def direction(model):
    return {name: torch.randn_like(p) for name, p in model.named_parameters()}


def named(summary):
    return [(part.module, part.operation) for part in summary.parts]


@pytest.mark.parametrize("memory", [1, 4000])
def test_divided_groups_change_no_order_of_the_parts(memory):
    model = nn.Sequential(
        nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 3)
    ).double()
    batch = torch.randn(6, 4, dtype=DOUBLE), torch.randint(3, (6,))
    told = model, functional.cross_entropy, batch, partition(model, "tensor"), direction(model)
    whole = summarise(*told, parts=True)
    divided = summarise(*told, parts=True, memory=memory)
    assert named(divided) == named(whole)
    modules = [module for module, _ in named(whole)]
    assert modules == ["1", "2", "3", "4", "loss"]
    for one, other in zip(whole.parts, divided.parts, strict=True):
        torch.testing.assert_close(one.H, other.H, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("signs", [(1, -1), (-1, 1), (1, 1, -1, -1, 1)])
def test_batches_that_take_different_ways_have_the_parts_of_all(signs):
    model = Branching()
    x = [sign * torch.rand(3, 4, dtype=DOUBLE) + sign * 0.1 for sign in signs]
    batches = [(one, torch.randint(3, (3,))) for one in x]
    told = model, functional.cross_entropy
    more = partition(model, "tensor"), direction(model)
    found = summarise(*told, batches, *more, parts=True, method="jets")
    torch.testing.assert_close(sum(p.H for p in found.parts), found.H, rtol=1e-12, atol=1e-14)
    alone = [summarise(*told, batch, *more, parts=True, method="jets") for batch in batches]
    for name, part in zip(named(found), found.parts, strict=True):
        of = [dict(zip(named(one), one.parts, strict=True)).get(name) for one in alone]
        mean = sum(torch.zeros_like(part.H) if p is None else p.H for p in of) / len(alone)
        torch.testing.assert_close(part.H, mean, rtol=1e-12, atol=1e-14)
    assert {"tanh", "silu"} <= {operation for _, operation in named(found)}
    plain = summarise(*told, batches, *more, method="autodiff")
    torch.testing.assert_close(found.H, plain.H, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("asked", [{"parts": True}, {"ggn": True}, {"parts": True, "ggn": True}])
def test_they_take_no_further_pass(asked, monkeypatch):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    batch = torch.randn(6, 4, dtype=DOUBLE), torch.randint(3, (6,))
    told = model, functional.cross_entropy, batch, partition(model, "tensor"), direction(model)
    made, grad = [], torch.autograd.grad
    model.register_forward_hook(lambda *_: made.append("forward"))
    monkeypatch.setattr(
        torch.autograd, "grad", lambda *a, **k: (made.append("back"), grad(*a, **k))[1]
    )

    def passes(**more):
        made.clear()
        summarise(*told, method="jets", **more)
        return list(made)

    assert passes(**asked) == passes() == ["forward", "back"]
