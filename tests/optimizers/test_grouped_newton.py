"""GroupedNewton against Algorithm 1 written out, its limits, its invariance, its memory."""

import copy
import io

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gnlab.cubic import Status, solve_cubic
from gnlab.directions import NAMES
from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton
from gnlab.partitions import Partition, partition
from gnlab.summaries import summarise


class Surface(nn.Module):
    """A function of one raw parameter; the input is not looked at."""

    def __init__(self, start: Tensor, function) -> None:
        super().__init__()
        self.theta = nn.Parameter(start.clone())
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.theta)


def value(output: Tensor, target: object) -> Tensor:
    """The surface's own value is the loss."""
    return output


NOTHING = (torch.zeros(1), torch.zeros(1))


def quadratic(size: int = 6) -> tuple[Surface, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    root = torch.randn(size, size, generator=rng, dtype=torch.float64)
    A = root @ root.mT + torch.eye(size, dtype=torch.float64)
    b = torch.randn(size, generator=rng, dtype=torch.float64)
    start = torch.randn(size, generator=rng, dtype=torch.float64)
    return Surface(start, lambda t: 0.5 * t @ A @ t - b @ t), A, b


def elements(model: nn.Module) -> Partition:
    [(name, p)] = model.named_parameters()
    names = tuple(str(i) for i in range(p.numel()))
    numbers = {name: torch.arange(p.numel()).view_as(p)}
    return Partition("by hand", names, {name: p.shape}, numbers, ("weights",) * p.numel())


def one_step(model: nn.Module, optimizer: GroupedNewton, batch=NOTHING, loss_fn=value) -> float:
    optimizer.zero_grad()
    loss = loss_fn(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss.item()


def classifier(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def data(batches: int, seed: int = 1) -> list[tuple[Tensor, Tensor]]:
    rng = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(16, 4, generator=rng, dtype=torch.float64),
            torch.randint(0, 3, (16,), generator=rng),
        )
        for _ in range(batches)
    ]


def flat(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


def test_one_group_is_cauchys_exact_line_search():
    model, A, b = quadratic()
    theta = model.theta.detach().clone()
    g = A @ theta - b
    optimizer = GroupedNewton(
        model, value, [NOTHING], "all", lr=1.0, damping=0.0, period=1, direction="gradient"
    )
    one_step(model, optimizer)
    torch.testing.assert_close(flat(model), theta - (g @ g) / (g @ A @ g) * g, rtol=1e-12, atol=0)


def test_one_group_per_element_is_newtons_method():
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
def test_trajectory_is_algorithm_one(level):
    batches = data(20)
    model, expected = classifier(), classifier()
    optimizer = GroupedNewton(
        model, cross_entropy, batches, level, lr=0.3, damping=2.0, period=3, momentum=0.8
    )
    for batch in batches:
        one_step(model, optimizer, batch, cross_entropy)
    algorithm_one(expected, batches, level, 0.3, 2.0, 3, 0.8, 0.5)
    torch.testing.assert_close(flat(model), flat(expected), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_resumes_bit_for_bit(name):
    batches = data(5)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, batches, period=3, direction=name)
    for k in range(7):
        one_step(model, optimizer, batches[k % 5], cross_entropy)
    saved = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], saved)
    saved.seek(0)

    resumed = classifier(seed=9)
    second = GroupedNewton(resumed, cross_entropy, batches, period=1, direction="gradient")
    states = torch.load(saved, weights_only=True)
    resumed.load_state_dict(states[0])
    second.load_state_dict(states[1])
    for k in range(7, 17):
        one_step(model, optimizer, batches[k % 5], cross_entropy)
        one_step(resumed, second, batches[k % 5], cross_entropy)
    assert torch.equal(flat(model), flat(resumed))
    assert torch.equal(optimizer.step_sizes, second.step_sizes)


def test_state_dict_does_not_follow_later_steps():
    [batch] = data(1)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, [batch], period=1)
    one_step(model, optimizer, batch, cross_entropy)
    saved = optimizer.state_dict()
    frozen = copy.deepcopy(saved)
    for _ in range(3):
        one_step(model, optimizer, batch, cross_entropy)
    assert torch.equal(
        saved["grouped_newton"]["step_sizes"], frozen["grouped_newton"]["step_sizes"]
    )
    for key, state in saved["state"].items():
        assert torch.equal(state["momentum"], frozen["state"][key]["momentum"])


def test_the_four_phases_are_a_step():
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


def test_predicted_decrease_is_the_models_value():
    model, _, _ = quadratic()
    optimizer = GroupedNewton(
        model, value, [NOTHING], "all", lr=0.5, damping=0.0, period=1, direction="gradient"
    )
    before = one_step(model, optimizer)
    after = value(model(NOTHING[0]), None).item()
    # On a quadratic the order-2 model is the loss itself.
    assert optimizer.info.decrease_predicted == pytest.approx(before - after, rel=1e-10)


@pytest.mark.parametrize("name", ["gradient", "momentum"])
def test_trajectory_is_invariant_to_a_scale_and_shift_per_group(name):
    [batch] = data(1)
    model = classifier()
    factor = {n: 10.0 ** (i - 1.5) for i, (n, _) in enumerate(model.named_parameters())}

    class Scaled(nn.Module):
        """The same network with θ_s = a_s θ̃_s + 1."""

        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.names = [n for n, _ in inner.named_parameters()]
            self.tilde = nn.ParameterList(
                (p.detach() - 1) / factor[n] for n, p in inner.named_parameters()
            )
            self.inner = [inner]

        def forward(self, x: Tensor) -> Tensor:
            theta = {n: factor[n] * t + 1 for n, t in zip(self.names, self.tilde, strict=True)}
            return torch.func.functional_call(self.inner[0], theta, (x,))

    scaled = Scaled(copy.deepcopy(model))
    options = {"lr": 0.2, "damping": 1.0, "period": 2, "direction": name}
    first = GroupedNewton(model, cross_entropy, [batch], **options)
    second = GroupedNewton(scaled, cross_entropy, [batch], **options)
    for _ in range(8):
        loss = one_step(model, first, batch, cross_entropy)
        other = one_step(scaled, second, batch, cross_entropy)
        assert loss == pytest.approx(other, rel=1e-8)


def test_schedulers_change_the_rate():
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


def test_a_model_unbounded_below_moves_nothing_and_says_why():
    model = Surface(torch.tensor([1.0], dtype=torch.float64), lambda t: -(t**2).sum())
    optimizer = GroupedNewton(model, value, [NOTHING], period=1, direction="gradient")
    one_step(model, optimizer)
    assert optimizer.info.solution.status is Status.unbounded
    assert not optimizer.info.updated
    assert model.theta.item() == 1.0
    assert optimizer.due  # it tries again at the next step


def test_partition_and_direction_change_in_the_middle():
    batches = data(4)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, batches, "all", period=10)
    losses = [one_step(model, optimizer, b, cross_entropy) for b in batches]
    for level, count in [("tensor", 4), ("role", 2)]:
        optimizer.change(partition=level)
        losses += [one_step(model, optimizer, b, cross_entropy) for b in batches]
        assert optimizer.step_sizes.shape == (count,)
    optimizer.change(direction="adam", lr=0.05, damping=3.0)
    losses += [one_step(model, optimizer, b, cross_entropy) for b in batches]
    assert all(torch.tensor(losses).isfinite())
    assert set(optimizer.state[next(model.parameters())]) == {"mean", "square", "step"}


def test_a_refused_change_changes_nothing():
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], lr=0.1)
    with pytest.raises(InputError, match="damping must be"):
        optimizer.change(lr=0.7, damping=-1.0)
    with pytest.raises(InputError, match="unknown level"):
        optimizer.change(lr=0.7, partition="tensr")
    assert optimizer.settings["lr"] == 0.1


def test_closure_and_missing_gradients():
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING])
    with pytest.raises(InputError, match=r"call loss.backward\(\) before"):
        optimizer.step()

    def closure() -> float:
        optimizer.zero_grad()
        loss = value(model(NOTHING[0]), None)
        loss.backward()
        return loss.item()

    start = value(model(NOTHING[0]), None).item()
    assert optimizer.step(closure) == start
    assert value(model(NOTHING[0]), None).item() < start


def test_a_parameter_without_gradient_stays():
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


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"lr": -0.1}, "lr must be"),
        ({"damping": float("nan")}, "damping must be"),
        ({"period": 0}, "period must be"),
        ({"period": 1.5}, "a whole number"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"step_momentum": 2.0}, "step_momentum must be"),
        ({"direction": "adm"}, "Did you mean 'adam'"),
        ({"partition": "tenor"}, "Did you mean 'tensor'"),
        ({"summary_batches": 3}, "summary_batches must be"),
    ],
)
def test_bad_choices_are_named(choice, message):
    model, _, _ = quadratic()
    with pytest.raises(InputError, match=message):
        GroupedNewton(model, value, **({"summary_batches": [NOTHING]} | choice))


def test_a_foreign_state_is_refused():
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], "all")
    with pytest.raises(InputError, match="another optimizer"):
        optimizer.load_state_dict(torch.optim.SGD(model.parameters(), lr=0.1).state_dict())
    other = GroupedNewton(model, value, [NOTHING], elements(model))
    with pytest.raises(InputError, match=r"S = 6 groups.*S = 1"):
        optimizer.load_state_dict(other.state_dict())
