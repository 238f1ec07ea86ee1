"""GroupedNewton against Algorithm 1 written out, its limits."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gnlab.cubic import Status, solve_cubic
from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton
from gnlab.partitions import partition
from gnlab.problems.surfaces import loss_is_output as value
from gnlab.summaries import summarise

NOTHING = (torch.zeros(1), torch.zeros(1))


def test_one_group_is_cauchys_exact_line_search(quadratic, one_step, flat):
    model, A, b = quadratic()
    theta = model.theta.detach().clone()
    g = A @ theta - b
    optimizer = GroupedNewton(
        model, value, [NOTHING], "all", lr=1.0, damping=0.0, period=1, direction="gradient"
    )
    one_step(model, optimizer)
    torch.testing.assert_close(flat(model), theta - (g @ g) / (g @ A @ g) * g, rtol=1e-12, atol=0)


def test_one_group_per_element_is_newtons_method(quadratic, elements, one_step, flat):
    model, A, b = quadratic()
    optimizer = GroupedNewton(
        model,
        value,
        [NOTHING],
        elements(model),
        lr=1.0,
        damping=0.0,
        period=1,
        direction="gradient",
        step_momentum=0.0,
    )
    # Newton needs negative step sizes where g and H⁻¹g differ in sign; the method keeps the
    # positive part, so start where all agree.
    with torch.no_grad():
        model.theta.copy_(torch.linalg.solve(A, b) + torch.linalg.eigh(A)[1][:, -1])
    one_step(model, optimizer)
    torch.testing.assert_close(flat(model), torch.linalg.solve(A, b), rtol=1e-8, atol=1e-8)


def algorithm_one(model, batches, level, lr, damping, period, momentum, step_momentum):
    """The paper's Algorithm 1, written out without the optimizer."""
    p = partition(model, level)
    named = dict(model.named_parameters())
    u, eta = None, None
    for t, (x, y) in enumerate(batches):
        grads = torch.autograd.grad(cross_entropy(model(x), y), list(named.values()))
        u = {
            n: g if u is None else momentum * u[n] + (1 - momentum) * g
            for n, g in zip(named, grads, strict=True)
        }
        if t % period == 0:
            s = summarise(model, cross_entropy, batches[(t // period) % len(batches)], p, u)
            new = solve_cubic(s.H, s.g, s.d, damping).step_sizes.clamp(min=0)
            eta = new if eta is None else step_momentum * eta + (1 - step_momentum) * new
        spread = p.expand(eta)
        with torch.no_grad():
            for n, q in named.items():
                q.sub_(lr * spread[n] * u[n])


@pytest.mark.parametrize("level", ["all", "role", "tensor"])
def test_trajectory_is_algorithm_one(level, one_step, classifier, data, flat):
    batches = data(20)
    model, expected = classifier(), classifier()
    optimizer = GroupedNewton(
        model, cross_entropy, batches, level, lr=0.3, damping=2.0, period=3, momentum=0.8
    )
    for batch in batches:
        one_step(model, optimizer, batch, cross_entropy)
    algorithm_one(expected, batches, level, 0.3, 2.0, 3, 0.8, 0.5)
    torch.testing.assert_close(flat(model), flat(expected), rtol=1e-10, atol=1e-12)


def test_the_four_phases_are_a_step(one_step, classifier, data, flat):
    [batch] = data(1)
    model, expected = classifier(), classifier()
    apart = GroupedNewton(model, cross_entropy, [batch], period=1)
    whole = GroupedNewton(expected, cross_entropy, [batch], period=1)
    cross_entropy(model(batch[0]), batch[1]).backward()
    apart.propose()
    assert apart.due
    summary = apart.measure()
    solution = apart.solve()
    assert torch.equal(flat(model), flat(expected))
    apart.update()
    one_step(expected, whole, batch, cross_entropy)
    assert torch.equal(flat(model), flat(expected))
    assert apart.info.summary is summary
    assert apart.info.solution is solution


def test_schedulers_change_the_rate(quadratic, one_step):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], "all", lr=0.4, period=1)
    halving = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    one_step(model, optimizer)
    halving.step()
    assert optimizer.settings["lr"] == 0.2
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=0, threshold=1e-4
    )
    plateau.step(1.0)
    plateau.step(1.0)
    assert optimizer.settings["lr"] == 0.1


def test_a_model_unbounded_below_moves_nothing_and_says_why(one_step, surface):
    model = surface(torch.tensor([1.0], dtype=torch.float64), lambda t: -(t**2).sum())
    optimizer = GroupedNewton(model, value, [NOTHING], period=1, direction="gradient")
    one_step(model, optimizer)
    assert optimizer.info.solution.status is Status.unbounded
    assert not optimizer.info.updated
    assert model.theta.item() == 1.0
    assert optimizer.due  # it tries again at the next step


def test_closure_and_missing_gradients(quadratic):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING])
    with pytest.raises(InputError, match=r"call loss.backward\(\) before"):
        optimizer.step()

    def closure() -> float:
        optimizer.zero_grad()
        loss = model(NOTHING[0])
        loss.backward()
        return loss.item()

    start = model(NOTHING[0]).item()
    assert optimizer.step(closure) == start
    assert model(NOTHING[0]).item() < start


def test_a_parameter_without_gradient_stays(one_step):
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used = nn.Parameter(torch.ones(2, dtype=torch.float64))
            self.unused = nn.Parameter(torch.ones(2, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            return (self.used**2).sum()

    model = Half()
    optimizer = GroupedNewton(model, value, [NOTHING], period=1, direction="gradient", lr=1.0)
    one_step(model, optimizer)
    assert model.unused.tolist() == [1.0, 1.0]
    assert model.used.abs().max() < 1e-12  # D = 0 there: a plain Newton step
    assert optimizer.info.step_sizes[1] == 0


@pytest.mark.parametrize("safeguard", [False, True])
def test_two_inputs_and_two_targets_as_a_loader_yields_them_are_one_batch(safeguard, one_step):
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: list[Tensor]) -> Tensor:
            return self.layer(x[0] + x[1])

    def loss_fn(output: Tensor, y: list[Tensor]) -> Tensor:
        return ((output - y[0] - y[1]) ** 2).mean()

    torch.manual_seed(0)
    inputs, targets = torch.randn(6, 2, 3), torch.randn(6, 2, 2)
    pairs = [(tuple(x), tuple(y)) for x, y in zip(inputs, targets, strict=True)]
    loader = torch.utils.data.DataLoader(pairs, batch_size=6)
    model = Sum()
    optimizer = GroupedNewton(model, loss_fn, loader, period=1, safeguard=safeguard)
    batch = next(iter(loader))
    loss = one_step(model, optimizer, batch, loss_fn)
    assert optimizer.info.summary.loss.item() == pytest.approx(loss)
    assert optimizer.decrease() > 0


def test_a_step_from_a_very_small_gradient_is_the_one_of_an_ordinary_gradient(
    classifier, data, flat
):
    """The solve knows D where float32 does not hold its cube."""
    paths = []
    for scale in (1.0, 2.0**-50):
        model = classifier().float()
        [(x, y)] = data(1)
        x = x.float()
        optimizer = GroupedNewton(
            model, cross_entropy, [(x, y)], "element", lr=0.5, direction="gradient",
            safeguard=True,
        )  # fmt: skip
        start = flat(model)
        cross_entropy(model(x), y).backward()
        for p in model.parameters():
            p.grad.mul_(scale)
        optimizer.step()
        assert optimizer.info.solution.status.ok
        assert optimizer.info.taken > 0
        paths.append(flat(model) - start)
    assert torch.allclose(*paths, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("safeguard", [True, False])
def test_a_step_along_what_is_no_number_moves_nothing(safeguard):
    torch.manual_seed(0)
    model, x, y = nn.Linear(5, 3), torch.randn(20, 5), torch.randint(3, (20,))
    loss_fn = nn.functional.cross_entropy
    optimizer = GroupedNewton(model, loss_fn, [(x, y)], period=1, safeguard=safeguard)

    def step(inputs):
        optimizer.zero_grad()
        loss_fn(model(inputs), y).backward()
        optimizer.step()

    step(x)
    before = [p.detach().clone() for p in model.parameters()]
    step(torch.full_like(x, math.nan))
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
    assert optimizer.info.solution.status is Status.nonfinite
    assert (optimizer.info.updated, optimizer.info.taken) == (False, 0.0)
