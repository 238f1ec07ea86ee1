"""The safeguard: what it lets through, and that no step it lets through does harm."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from gnlab.cubic import along, solve_cubic
from gnlab.optimizers import GroupedNewton
from gnlab.optimizers.safeguard import HALVINGS, guarded
from gnlab.problems.surfaces import loss_is_output as value
from gnlab.summaries import Summary

NOTHING = (torch.zeros(1), torch.zeros(1))
DOUBLE = torch.float64


def summary(seed: int = 0, size: int = 4) -> Summary:
    """A convex summary with a loss of 3."""
    rng = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, generator=rng, dtype=DOUBLE)
    third = torch.randn(size, generator=rng, dtype=DOUBLE)
    g = torch.randn(size, generator=rng, dtype=DOUBLE)
    inert = torch.zeros(size, dtype=torch.bool)
    loss = torch.tensor(3.0, dtype=DOUBLE)
    return Summary(loss, g, root @ root.mT, third, inert, method="jets")


def solved(given: Summary):
    return solve_cubic(given.H, given.g, given.d, 1.0).step_sizes


def exactly(given: Summary):
    """A loss that does what the model says."""
    return lambda x: float(given.loss) + along(given.H, given.g, given.d, 1.0, x).change(1.0)


@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100.0), lr=st.floats(0.01, 1.0))
def test_a_step_ends_at_the_models_minimum_along_it_at_the_latest(seed, factor, lr):
    measured = summary(seed)
    eta = solved(measured)
    found = guarded(measured, [factor * eta], lr, 1.0, exactly(measured))
    # Along the minimiser the minimum is at 1, so along `factor` of it at 1 / factor.
    assert found.taken == pytest.approx(min(1.0, 1 / (factor * lr)), rel=1e-6)
    torch.testing.assert_close(found.eta, found.taken * factor * eta, rtol=1e-12, atol=0)
    assert found.loss < 3.0


def test_where_the_average_leads_uphill_the_present_answer_is_taken():
    measured = summary()
    eta = solved(measured)
    found = guarded(measured, [-eta, eta], 0.5, 1.0, exactly(measured))
    assert found.taken == 1.0
    assert torch.equal(found.eta, eta)


def test_where_all_lead_uphill_nothing_moves():
    measured = summary()
    eta = solved(measured)

    def never(_):
        raise AssertionError("there is nothing to try")

    found = guarded(measured, [-eta, -2 * eta], 0.5, 1.0, never)
    assert (found.taken, found.loss) == (0.0, 3.0)
    assert not found.eta.any()


@pytest.mark.parametrize("wrong", [3.0, math.inf, math.nan])
@pytest.mark.parametrize("halvings", [1, 5, HALVINGS])
def test_a_step_is_halved_until_the_loss_falls_as_promised(wrong, halvings):
    measured = summary()
    eta, right = solved(measured), exactly(measured)
    longest = 0.5 * 0.5**halvings * float(eta.norm())
    found = guarded(
        measured, [eta], 0.5, 1.0, lambda x: right(x) if x.norm() <= 1.001 * longest else wrong
    )
    assert found.taken == 0.5**halvings
    assert found.loss < 3.0


def test_a_step_that_never_brings_anything_is_given_up():
    measured, tries = summary(), []
    found = guarded(measured, [solved(measured)], 0.5, 1.0, lambda x: tries.append(x) or 4.0)
    assert len(tries) == HALVINGS + 1
    assert (found.taken, found.loss) == (0.0, 3.0)


def test_a_learning_rate_of_zero_leaves_the_step_sizes_alone():
    measured = summary()
    eta = solved(measured)
    found = guarded(measured, [eta], 0.0, 1.0, exactly(measured))
    assert found.taken == 1.0
    assert torch.equal(found.eta, eta)


def bowl(start: float, surface, **options):
    """√(1 + θ²), on which Newton's method from beyond 1 runs away: θ becomes −θ³."""
    model = surface(torch.tensor([start], dtype=DOUBLE), lambda t: (1 + t**2).sqrt().sum())
    choices = {"lr": 1.0, "damping": 0.0, "period": 1, "direction": "gradient"}
    choices |= {"step_momentum": 0.0, **options}
    return model, GroupedNewton(model, value, [NOTHING], "all", **choices)


def test_newtons_method_runs_away_without_it_and_arrives_with_it(surface, one_step):
    model, optimizer = bowl(2.0, surface)
    one_step(model, optimizer)
    assert model.theta.item() == pytest.approx(-8.0)
    model, optimizer = bowl(2.0, surface, safeguard=True)
    losses = [one_step(model, optimizer) for _ in range(12)]
    assert losses == sorted(losses, reverse=True)
    assert abs(model.theta.item()) < 1e-12
    assert optimizer.info.taken == 1.0  # near the minimum it has nothing to do


@pytest.mark.parametrize("direction", ["momentum", "orthogonal", "adam"])
def test_no_step_with_a_summary_raises_the_loss(direction, one_step, classifier, data):
    batches, model = data(5), classifier()
    optimizer = GroupedNewton(
        model, cross_entropy, batches, lr=3.0, period=1, direction=direction, safeguard=True
    )
    shares = []
    for k in range(40):
        one_step(model, optimizer, batches[k % 5], cross_entropy)
        assert optimizer.decrease() >= -1e-14
        shares.append(optimizer.info.taken)
    assert 0 < min(taken for taken in shares if taken) < 1  # it had something to do


def test_what_a_step_brought_is_the_loss_before_less_the_loss_after(one_step, classifier, data):
    for safeguard in (False, True):
        [batch], model = data(1), classifier()
        optimizer = GroupedNewton(model, cross_entropy, [batch], period=2, safeguard=safeguard)
        assert optimizer.decrease() is None
        before = one_step(model, optimizer, batch, cross_entropy)
        after = cross_entropy(model(batch[0]), batch[1]).item()
        assert optimizer.decrease() == pytest.approx(before - after, rel=1e-9)
        one_step(model, optimizer, batch, cross_entropy)
        assert optimizer.decrease() is None  # no summary, no promise to compare with


def test_when_nothing_was_let_through_the_next_step_measures_again(surface, one_step):
    model, optimizer = bowl(2.0, surface, lr=0.1, period=2, step_momentum=0.5, safeguard=True)
    one_step(model, optimizer)
    one_step(model, optimizer)
    before = model.theta.item()
    # Uphill: the solve's answer is negative, and the average of the past leads the wrong way.
    optimizer.direction = {"theta": torch.tensor([-1.0], dtype=DOUBLE)}
    optimizer.measure()
    optimizer.solve()
    assert optimizer.step_sizes > 0
    optimizer.update()
    assert (optimizer.info.taken, model.theta.item()) == (0.0, before)
    assert optimizer.steps == 3
    assert optimizer.due  # a step early
    one_step(model, optimizer)
    assert model.theta.item() < before
    assert optimizer.info.taken == 1.0


def test_where_the_past_leads_uphill_the_answer_without_it_is_taken(surface, one_step):
    start = torch.tensor([2.0, 2.0], dtype=DOUBLE)
    model = surface(start, lambda t: (1 + t**2).sqrt().sum())
    optimizer = GroupedNewton(
        model, value, [NOTHING], "element", lr=0.1, period=1, direction="gradient",
        step_momentum=0.9, safeguard=True,
    )  # fmt: skip
    one_step(model, optimizer)
    before = model.theta.detach().clone()
    optimizer.direction = {"theta": torch.tensor([-4.0, 1.0], dtype=DOUBLE)}
    optimizer.measure()
    optimizer.solve()
    assert (optimizer.step_sizes > 0).all()  # of which the first entry's leads uphill
    optimizer.update()
    assert optimizer.info.taken > 0
    assert model.theta[0] == before[0]
    assert model.theta[1] < before[1]


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_what_is_rounding_depends_on_the_size_of_the_loss(scale):
    one = summary()
    measured = dataclasses.replace(
        one, loss=one.loss * scale, g=one.g * scale, H=one.H * scale, third=one.third * scale
    )
    eta, before = solved(measured), float(measured.loss)
    assert guarded(measured, [eta], 0.5, 1.0, lambda _: before * (1 + 1e-9)).taken == 0
    # Less is promised than the loss has digits.
    found = guarded(measured, [1e-20 * eta], 0.5, 1.0, lambda _: before * (1 + 1e-15))
    assert found.taken == 1.0


@pytest.mark.parametrize("safeguard", [False, True])
def test_a_gradient_that_is_no_number_leaves_the_step_sizes_as_they_were(safeguard):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    x, y = torch.randn(30, 4), torch.randint(3, (30,))
    optimizer = GroupedNewton(model, cross_entropy, [(x, y)], period=1, lr=0.5, safeguard=safeguard)
    for last in (False, False, True):
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        if last:
            before = optimizer.step_sizes
            model[0].weight.grad[0, 0] = math.nan
        optimizer.step()
    assert torch.equal(optimizer.step_sizes, before)
    assert not optimizer.info.updated
    assert optimizer.info.taken == 0.0
