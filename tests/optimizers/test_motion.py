"""Moving parameters: by groups, there and exactly back, and beyond a dtype's range."""

import math
from collections import defaultdict

import pytest
import torch
from torch import nn

from gnlab.directions import NAMES, direction
from gnlab.errors import InputError
from gnlab.optimizers.motion import move, moved, proposed
from gnlab.partitions import partition


@pytest.fixture
def layer():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    named = dict(model.named_parameters())
    return model, named, {name: torch.randn_like(p) for name, p in named.items()}


@pytest.mark.parametrize("level", ["all", "tensor", "unit", "element"])
def test_each_element_moves_by_its_groups_size(level, layer):
    model, named, u = layer
    p = partition(model, level)
    sizes = torch.rand(p.num_groups, dtype=torch.float64)
    each = p.expand(sizes)
    expected = {name: q.detach() - u[name] * each[name].float() for name, q in named.items()}
    move(named, u, p, sizes)
    for name, q in named.items():
        torch.testing.assert_close(q.detach(), expected[name], rtol=1e-6, atol=1e-7)


@pytest.mark.gpu
@pytest.mark.parametrize("level", ["all", "tensor", "unit", "element"])
def test_on_a_gpu_each_element_moves_as_on_a_cpu(level, layer):
    model, named, u = layer
    p = partition(model, level)
    sizes = torch.rand(p.num_groups, dtype=torch.float64)
    on_gpu = {name: q.detach().cuda() for name, q in named.items()}
    move(named, u, p, sizes)
    for where in (p, p.to("cuda")):
        there = {name: q.clone() for name, q in on_gpu.items()}
        move(there, {name: value.cuda() for name, value in u.items()}, where, sizes)
        for name, q in named.items():
            torch.testing.assert_close(there[name].cpu(), q.detach(), rtol=1e-6, atol=1e-7)


def test_parameters_are_exactly_back_also_after_an_error(layer):
    model, named, u = layer
    before = {name: p.detach().clone() for name, p in named.items()}
    p = partition(model, "tensor")

    def fail() -> None:
        with moved(named, u, p, torch.tensor([1e-3, 7.0], dtype=torch.float64)):
            assert all(not torch.equal(q, before[name]) for name, q in named.items())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(torch.equal(q, before[name]) for name, q in named.items())


@pytest.mark.parametrize("level", ["tensor", "element"])
def test_a_size_beyond_the_parameters_range_is_infinite_and_no_error(level, layer):
    model, named, u = layer
    p = partition(model, level)
    move(named, u, p, torch.full([p.num_groups], 1e300, dtype=torch.float64))
    assert not any(q.isfinite().any() for q in named.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_gradient_gives_no_motion_and_leaves_the_memory(name, layer):
    model, named, _ = layer
    rule, state = direction(name), defaultdict(dict)
    steady, apart = defaultdict(dict), nn.Parameter(torch.zeros(2))
    for k in range(6):
        for p in named.values():
            p.grad = torch.full_like(p, 1.0 + k)
        if k in (0, 3):  # missing from the first step, and again later
            named["bias"].grad = None
        before = dict(state[named["bias"]])
        u = proposed(rule, model, named, state)
        assert list(u) == list(named)
        if named["bias"].grad is None:
            assert not u["bias"].any()
            assert state[named["bias"]] == before
        else:  # as if the steps without it had not been
            apart.grad = named["bias"].grad
            assert torch.equal(u["bias"], proposed(rule, model, {"bias": apart}, steady)["bias"])


def test_a_missing_gradient_keeps_nothing_of_another_rule(layer):
    model, named, _ = layer
    state = defaultdict(dict)
    for p in named.values():
        p.grad = torch.ones_like(p)
    proposed(direction("adam"), model, named, state)
    named["bias"].grad = None
    proposed(direction("momentum"), model, named, state)
    assert not state[named["bias"]]
    assert set(state[named["weight"]]) == {"momentum"}


@pytest.mark.parametrize("level", ["tensor", "unit"])
def test_a_group_of_size_zero_stays_whatever_its_direction_is(level):
    model = nn.Linear(3, 2)
    start = {n: p.detach().clone() for n, p in model.named_parameters()}
    split = partition(model, level)
    u = {n: torch.full_like(p, math.nan) for n, p in model.named_parameters()}
    u["bias"].fill_(math.inf)
    sizes = torch.zeros(split.num_groups, dtype=torch.float64)
    move(dict(model.named_parameters()), u, split, sizes)
    assert all(torch.equal(p, start[n]) for n, p in model.named_parameters())
    u["weight"][0], u["bias"][:] = 1.0, 2.0
    sizes[0] = 0.5
    move(dict(model.named_parameters()), u, split, sizes)
    moved = start["weight"][0] - 0.5
    assert torch.equal(model.weight[0], moved)
    assert torch.equal(model.bias, start["bias"])


def test_a_sparse_gradient_is_named():
    table = nn.Embedding(5, 2, sparse=True)
    table(torch.tensor([1, 3])).sum().backward()
    with pytest.raises(InputError, match="the gradient of 'weight' is sparse"):
        proposed(direction("momentum"), table, dict(table.named_parameters()), defaultdict(dict))
