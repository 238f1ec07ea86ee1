"""Directions so small that a third derivative along them is lost in single precision."""

import pytest
import torch
from torch import nn

from gnlab.cubic import Status, solve_cubic
from gnlab.partitions import partition
from gnlab.summaries import replay, summarise, units
from gnlab.summaries.replay import cache

LEVELS = ("all", "tensor", "unit", "row:2", "element")
METHODS = ("jets", "autodiff")
SMALL = 2.0**-44  # 6e-14, whose cube is below what single precision holds


@pytest.fixture
def problem():
    """Makes a small classifier, its data and a direction of ordinary size."""

    def make(loss_fn=None, dtype=torch.float32):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)
        x, y = torch.randn(16, 4, dtype=dtype), torch.randint(0, 3, (16,))
        u = {name: torch.randn_like(p) for name, p in model.named_parameters()}
        return model, loss_fn or nn.CrossEntropyLoss(), (x, y), u

    return make


def times(u, factor):
    """A direction times a number."""
    return {name: value * factor for name, value in u.items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_small_direction_has_the_summary_of_a_large_one_to_the_last_bit(problem, level, method):
    model, loss_fn, batch, u = problem()
    p = partition(model, level)
    large = summarise(model, loss_fn, batch, p, u, method=method)
    small = summarise(model, loss_fn, batch, p, times(u, SMALL), method=method)
    assert small.method == method
    assert small.third.dtype == torch.float32
    assert bool((small.d > 0).all())
    assert torch.equal(small.inert, large.inert)
    assert torch.equal(small.g, large.g * SMALL)
    assert torch.equal(small.H, large.H * SMALL**2)
    H, g, d = small.coefficients()
    assert H.dtype == g.dtype == d.dtype == torch.float64
    assert torch.equal(g, large.g.double() * SMALL)
    assert torch.equal(H, large.H.double() * SMALL**2)
    cubed, third = d**3, large.third.abs().double() * SMALL**3
    assert torch.allclose(cubed, third, rtol=1e-14, atol=0)
    assert torch.allclose(small.d.double(), d, rtol=1e-6, atol=0)


@pytest.mark.parametrize("factor", [SMALL, 2.0**-90])
def test_the_step_is_the_same_in_every_unit(problem, factor):
    model, loss_fn, batch, u = problem()
    p = partition(model, "element")
    u = {name: value.abs() + 0.1 for name, value in u.items()}
    large = summarise(model, loss_fn, batch, p, u)
    small = summarise(model, loss_fn, batch, p, times(u, factor))
    known = solve_cubic(large.H, large.g, large.third.double().abs().pow(1 / 3))
    found = solve_cubic(*small.coefficients())
    assert known.status.ok
    assert found.status is known.status
    assert torch.allclose(found.step_sizes * factor, known.step_sizes, rtol=1e-6)


def test_only_some_groups_are_small(problem):
    model, loss_fn, batch, u = problem()
    p = partition(model, "tensor")
    large = summarise(model, loss_fn, batch, p, u, parts=True, ggn=True)
    factors = torch.tensor([1.0, 2.0**-60, 1.0, 1.0])
    mixed = {n: value * f for (n, value), f in zip(u.items(), factors, strict=True)}
    small = summarise(model, loss_fn, batch, p, mixed, parts=True, ggn=True)
    assert small.third[1] == 0
    assert torch.equal(small.g, large.g * factors)
    pairs = factors[:, None] * factors
    assert torch.equal(small.H, large.H * pairs)
    assert torch.equal(small.ggn, large.ggn * pairs)
    for one, two in zip(small.parts, large.parts, strict=True):
        assert torch.equal(one.H, two.H * pairs)
    assert torch.allclose(small.d, large.d * factors, rtol=1e-6, atol=0)


def test_an_ordinary_direction_is_summarised_once(problem, monkeypatch):
    monkeypatch.setattr(units, "_largest", None)
    model, loss_fn, batch, u = problem()
    assert summarise(model, loss_fn, batch, partition(model, "element"), u).scaled is None


def test_a_third_derivative_that_is_truly_zero_is_left_at_that(problem):
    torch.manual_seed(0)
    model, x, y = nn.Linear(3, 2), torch.randn(8, 3), torch.randn(8, 2)
    u = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    p = partition(model, "element")
    found = summarise(model, nn.MSELoss(), (x, y), p, u)
    assert found.scaled is None
    assert not found.d.any()
    small = summarise(model, nn.MSELoss(), (x, y), p, times(u, 2.0**-70))
    assert not small.d.any()
    H, g, _ = small.coefficients()
    assert torch.equal(H, found.H.double() * 2.0**-140)
    assert torch.equal(g, found.g.double() * 2.0**-70)


def test_a_group_that_nothing_moves_stays_inert(problem):
    model, loss_fn, batch, u = problem()
    u["0.weight"].zero_()
    p = partition(model, "tensor")
    found = summarise(model, loss_fn, batch, p, times(u, SMALL))
    assert found.inert.tolist() == [True, False, False, False]
    assert found.d[0] == 0
    assert bool(found.d[1:].all())


def test_both_summaries_of_a_small_direction_are_repeated(problem, monkeypatch):
    monkeypatch.setattr(cache, "SIGHTS", 2)
    replay.forget()
    model, loss_fn, batch, u = problem()
    p = partition(model, "unit")
    known = summarise(model, loss_fn, batch, p, u, method="autodiff")
    for step in range(4):
        found = summarise(model, loss_fn, batch, p, times(u, SMALL / 2**step))
        assert replay.kept() == 1  # one program for both
        assert torch.allclose(found.d * 2**step / SMALL, known.d, rtol=1e-3)
    replay.forget()


def test_double_precision_has_its_own_bounds(problem):
    model, loss_fn, batch, u = problem(dtype=torch.float64)
    p = partition(model, "unit")
    assert summarise(model, loss_fn, batch, p, times(u, SMALL)).scaled is None
    large = summarise(model, loss_fn, batch, p, u)
    small = summarise(model, loss_fn, batch, p, times(u, 2.0**-360))
    assert torch.allclose(small.d, large.d * 2.0**-360, rtol=1e-14, atol=0)


def test_batches_and_an_iterator_of_them(problem):
    model, loss_fn, (x, y), u = problem()
    p = partition(model, "unit")
    halves = [(x[:8], y[:8]), (x[8:], y[8:])]
    large = summarise(model, loss_fn, halves, p, u)
    small = summarise(model, loss_fn, iter(halves), p, times(u, SMALL))
    assert small.weight == large.weight
    assert torch.equal(small.H, large.H * SMALL**2)
    assert bool(small.d.all())


def test_a_model_that_is_bounded_is_not_called_unbounded(problem):
    model, loss_fn, batch, u = problem()
    p = partition(model, "element")
    large, small = (summarise(model, loss_fn, batch, p, times(u, f)) for f in (1, 2.0**-52))
    H, g = small.H, small.g
    assert bool((H.diagonal() < 0).any())
    # What single precision holds of D^(3) itself would be zero.
    assert solve_cubic(H, g, small.third.abs().pow(1 / 3)).status is Status.unbounded
    assert solve_cubic(H, g, small.d).status.ok
    assert solve_cubic(large.H, large.g, large.d).status.ok


def test_a_parameter_without_elements_is_in_no_group(problem):
    model, loss_fn, batch, u = problem()
    model.register_parameter("none", nn.Parameter(torch.empty(0, 3)))
    u["none"] = torch.empty(0, 3)
    p = partition(model, "unit")
    large, small = (summarise(model, loss_fn, batch, p, times(u, f)) for f in (1, SMALL))
    assert torch.equal(small.H, large.H * SMALL**2)
    assert bool(small.d.all())
