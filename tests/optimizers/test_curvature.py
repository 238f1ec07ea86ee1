"""Steps that are solved with the Gauss–Newton summary in H̄'s place."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import gnlab
from gnlab import InputError
from gnlab.cubic import solve_cubic
from gnlab.optimizers import GroupedNewton
from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).to(DOUBLE)


def data(size=40):
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(size, 4, generator=rng, dtype=DOUBLE)
    return x, torch.randint(0, 3, (size,), generator=rng)


def optimizer(model, **choices):
    options = {"period": 1, "lr": 0.5, "step_momentum": 0.0, **choices}
    return GroupedNewton(model, cross_entropy, [data()], **options)


def step(made):
    x, y = data()
    made.zero_grad()
    cross_entropy(made.model(x), y).backward()
    made.step()


@pytest.mark.parametrize("level", ["all", "tensor", "unit"])
def test_the_answer_is_that_of_the_gauss_newton_summary(level):
    model = network()
    made = optimizer(model, partition=level, curvature="gauss-newton", direction="gradient")
    x, y = data()
    gradient = torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters()))
    u = {n: g for (n, _), g in zip(model.named_parameters(), gradient, strict=True)}
    found = summarise(model, cross_entropy, (x, y), partition(model, level), u, ggn=True)
    expected = solve_cubic(found.ggn, found.g, found.d, 1.0).step_sizes.clamp(min=0)
    step(made)
    torch.testing.assert_close(made.step_sizes, expected, rtol=1e-9, atol=0)
    eta = 0.5 * expected
    promised = found.g @ eta - eta @ found.ggn @ eta / 2
    assert made.info.decrease_predicted == pytest.approx(float(promised), rel=1e-9)
    torch.testing.assert_close(made.info.summary.H, found.H)  # H̄ is there to be looked at


def test_of_a_linear_model_it_is_the_hessians():
    found = []
    for curvature in ("hessian", "gauss-newton"):
        torch.manual_seed(0)
        made = optimizer(nn.Linear(4, 3).to(DOUBLE), curvature=curvature)
        for _ in range(4):
            step(made)
        found.append(made.step_sizes)
    torch.testing.assert_close(*found, rtol=1e-9, atol=0)


def test_the_safeguard_goes_by_the_model_that_was_solved():
    made = optimizer(network(), curvature="gauss-newton", safeguard=True, lr=50.0)
    step(made)
    eta, found = made.step_sizes * 50.0, made.info.summary
    assert made.info.taken < 1
    # No further than the least value of the Gauss–Newton model along the step.
    assert float(found.g @ eta - eta @ found.ggn @ eta) > -1e-12


def test_it_can_be_changed_saved_and_loaded():
    made, again = optimizer(network()), optimizer(network())
    step(made)
    assert made.info.summary.ggn is None
    made.change(curvature="gauss-newton")
    step(made)
    assert made.info.summary.ggn is not None
    again.load_state_dict(made.state_dict())
    assert again.settings["curvature"] == "gauss-newton"
    old = made.state_dict()
    del old["param_groups"][0]["curvature"]  # as an older version has written it
    again.load_state_dict(old)
    assert again.settings["curvature"] == "hessian"


@pytest.mark.parametrize("wrong", ["fisher", None, True])
def test_what_there_is_not_is_told(wrong):
    with pytest.raises(InputError, match="unknown curvature"):
        optimizer(network(), curvature=wrong)
    with pytest.raises(InputError, match="unknown curvature"):
        gnlab.Run("moons", curvature=wrong)


def test_a_run_and_its_what_if_curve_take_it():
    """It is nowhere negative, so where it has full rank a finer level promises more."""
    run = gnlab.Run("moons", curvature="gauss-newton", period=1, dtype="float64")
    for _ in range(3):
        assert run.step().status == "solved"
    found = gnlab.what_if(run, most=12).sel(cubic="without")
    assert found.status.values[found.groups.values <= 12].tolist() == ["solved"] * 5
    promised = found.predicted.values[found.groups.values <= 12]
    assert (promised[1:] >= promised[:-1] * (1 - 1e-9)).all()
    run.change(curvature="hessian")
    other = gnlab.what_if(run, most=12).sel(cubic="without").predicted.values
    assert (other[:5] != promised).all()


def test_a_summary_without_it_cannot_be_solved_with_it():
    model = network()
    found = summarise(model, cross_entropy, data(), partition(model, "tensor"))
    with pytest.raises(InputError, match="has no ggn; compute it with summarise"):
        found.gauss_newton()


def test_in_other_units_it_is_the_gauss_newton_summary_too():
    """In single precision along a direction so small that D has to be found in other units."""
    model = network().float()
    x, y = data()
    u = {n: 1e-14 * torch.randn_like(p) for n, p in model.named_parameters()}
    groups = partition(model, "tensor")
    small = summarise(model, cross_entropy, (x.float(), y), groups, u, ggn=True)
    assert small.scaled is not None
    exact = summarise(
        model, cross_entropy, (x, y), groups, {n: v.double() for n, v in u.items()},
        ggn=True, dtype=DOUBLE,
    )  # fmt: skip
    H, g, _ = small.gauss_newton().coefficients()
    torch.testing.assert_close(H, exact.ggn, rtol=1e-4, atol=1e-4 * float(exact.ggn.abs().max()))
    torch.testing.assert_close(g, exact.g, rtol=1e-4, atol=1e-4 * float(exact.g.abs().max()))
