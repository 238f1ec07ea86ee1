"""H̄ by operation, and its loss's part: the Gauss–Newton matrix by an explicit Jacobian."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn import functional as F

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import forward, summarise
from gnlab.summaries.agreement import COMPARE
from gnlab.summaries.rules import RULES

DOUBLE = torch.float64
LABELS = torch.tensor([0, 2, 1, 1, 0, 2])
WEIGHT = torch.tensor([0.3, 1.0, 2.0], dtype=DOUBLE)


def squares(out, y):
    """Of two outputs at once, one of which bends the other."""
    return (out[0] * out[1]).square().sum() + out[1].exp().mean()


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.one, self.other = nn.Linear(4, 3), nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x):
        h = torch.tanh(self.body(x))
        return self.one(h), self.other(h * h)


def plain():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4), nn.SiLU(), nn.Linear(4, 3))


def mixed():
    return nn.Sequential(
        nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 3, 2), nn.GELU(),
        nn.BatchNorm1d(3, track_running_stats=False), nn.Flatten(), nn.LayerNorm(9),
        nn.Linear(9, 3),
    )  # fmt: skip


CONVEX = {
    "cross entropy": (plain, nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1), LABELS),
    "squared error": (plain, nn.MSELoss(), torch.randn(6, 3, dtype=DOUBLE)),
    "huber": (mixed, nn.HuberLoss(), torch.randn(6, 3, dtype=DOUBLE)),
    "binary": (mixed, nn.BCEWithLogitsLoss(), torch.rand(6, 3, dtype=DOUBLE)),
    "sum": (plain, nn.CrossEntropyLoss(reduction="sum"), LABELS),
}
BENT = {
    "two outputs": (Two, squares, torch.zeros(6, 1, dtype=DOUBLE)),
    "product": (plain, lambda out, y: out.prod(1).sin().sum(), LABELS),
}
EVERY = CONVEX | BENT


def problem(name):
    make, loss_fn, y = EVERY[name]
    torch.manual_seed(4)
    model = make().double()
    x = torch.randn(6, 4, dtype=DOUBLE)
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    return model, loss_fn, (x, y), partition(model, "tensor"), u


def by_jacobian(model, loss_fn, batch, p, u):
    """Jᵀ ∇²ℓ J by torch.func: the outputs as a function of η, the loss as one of the outputs."""
    theta = {n: q.detach() for n, q in model.named_parameters()}
    example = model(batch[0])
    sizes = [e.numel() for e in example] if isinstance(example, tuple) else None

    def outputs(eta):
        step = p.expand(eta)
        out = functional_call(model, {n: q + u[n] * step[n] for n, q in theta.items()}, batch[0])
        return out.reshape(-1) if sizes is None else torch.cat([o.reshape(-1) for o in out])

    def loss(flat):
        if sizes is None:
            return loss_fn(flat.reshape(example.shape), batch[1])
        parts = zip(flat.split(sizes), example, strict=True)
        return loss_fn(tuple(f.reshape(e.shape) for f, e in parts), batch[1])

    zero = torch.zeros(p.num_groups, dtype=DOUBLE)
    J = jacrev(outputs)(zero)
    return J.T @ jacrev(jacrev(loss))(outputs(zero)) @ J


def near(found, known, tolerance=1e-10):
    assert (found - known).abs().max() <= tolerance * known.abs().max()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_the_losss_part_is_gauss_newton(name, method):
    asked = problem(name)
    found = summarise(*asked, method=method, ggn=True, parts=True)
    assert found.method == method
    known = by_jacobian(*asked)
    near(found.ggn, known)
    near(sum(p.H for p in found.parts if p.kind == "loss"), known)
    assert found.ggn.equal(found.ggn.T) or method == "autodiff"
    if name in CONVEX:
        assert torch.linalg.eigvalsh(found.ggn).min() >= -1e-12 * found.ggn.abs().max()


@pytest.mark.parametrize("name", EVERY)
def test_the_parts_sum_to_h(name):
    asked = problem(name)
    found, alone = summarise(*asked, parts=True), summarise(*asked)
    near(sum(p.H for p in found.parts), found.H, 1e-12)
    near(found.H, alone.H, 1e-14)
    assert all(p.H.equal(p.H.T) for p in found.parts)
    assert alone.parts == ()
    assert alone.ggn is None
    assert found.ggn is None


def test_the_parts_say_where_they_come_from():
    found = summarise(*problem("cross entropy"), parts=True)
    kinds = {(p.module, p.operation): p.kind for p in found.parts}
    assert kinds[("loss", "cross_entropy")] == "loss"
    assert kinds[("1", "tanh")] == kinds[("3", "silu")] == "activation"
    assert kinds[("2", "linear")] == kinds[("4", "linear")] == "product"
    # A layer on the data alone is linear in its parameters.
    first = next((p.H for p in found.parts if p.module == "0"), torch.zeros(1))
    assert not first.any()


@pytest.mark.parametrize("name", ["cross entropy", "squared error", "sum"])
def test_over_a_loader(name):
    model, loss_fn, (x, y), p, u = problem(name)
    whole = by_jacobian(model, loss_fn, (x, y), p, u)
    loader = [(x[:2], y[:2]), (x[2:3], y[2:3]), (x[3:], y[3:])]
    for method in ("jets", "autodiff"):
        found = summarise(model, loss_fn, loader, p, u, method=method, ggn=True, parts=True)
        near(found.ggn, whole)
        near(sum(part.H for part in found.parts), found.H, 1e-12)


def test_a_right_pass_agrees_and_a_wrong_rule_is_found_out(monkeypatch):
    monkeypatch.setenv(COMPARE, "1")
    for name in EVERY:
        assert summarise(*problem(name)).method == "jets"

    def wrong(call, curvature):
        jet = RULES["tanh"](call, curvature)
        return jet.scaled(torch.tensor(1 + 1e-5, dtype=DOUBLE))

    monkeypatch.setattr(forward, "RULES", {**RULES, "tanh": wrong})
    with pytest.raises(ArithmeticError, match="disagree: g differs"):
        summarise(*problem("squared error"))

    # A wrong curvature with the right slope, too.
    def flat(call, curvature):
        call.delta = torch.zeros_like(call.out)
        return RULES["tanh"](call, curvature)

    monkeypatch.setattr(forward, "RULES", {**RULES, "tanh": flat})
    with pytest.raises(ArithmeticError, match="disagree: H differs"):
        summarise(*problem("squared error"))


def test_what_takes_the_plain_way_has_two_parts():
    model, loss_fn, batch, p, u = problem("squared error")
    model[1] = Odd()
    found = summarise(model, loss_fn, batch, p, u, parts=True, ggn=True)
    assert found.method == "autodiff"
    assert [part.kind for part in found.parts] == ["loss", "model"]
    near(sum(part.H for part in found.parts), found.H, 1e-12)


class Odd(nn.Module):
    def forward(self, x):
        return torch.special.gammaln(F.softplus(x) + 1)


def test_a_loss_that_draws_is_drawn_once():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = torch.randn(5, 3).double(), torch.randint(2, (5,))

    def loss_fn(output, y):
        return nn.functional.cross_entropy(output * (1 + torch.randn_like(output)), y)

    p = partition(model, "tensor")
    u = {n: torch.randn_like(q) for n, q in model.named_parameters()}
    found = []
    for method in ("jets", "autodiff"):
        torch.manual_seed(3)
        found.append(summarise(model, loss_fn, (x, y), p, u, method=method, ggn=True).ggn)
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-12)


class Remembering(nn.Module):
    """Hands its output over and remembers a hidden value and a scale, for the loss to use."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 5), nn.Linear(5, 3)
        self.scale = nn.Parameter(torch.tensor(0.7))

    def forward(self, x):
        self.hidden = torch.tanh(self.one(x))
        return self.two(self.hidden * 1.5)


class Tempered(nn.Module):
    """A loss with a temperature and weights that it decays."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, output, y):
        decay = sum(p.square().sum() for p in self.model.parameters())
        return F.cross_entropy(output * self.model.scale.exp(), y) + 0.1 * decay


def decayed(model):
    return lambda output, y: F.cross_entropy(output, y) + 0.1 * model.one.weight.square().sum()


def remembered(model):
    """Of a hidden value upon which the output depends."""

    def loss_fn(output, y):
        return (
            F.cross_entropy(output * model.scale, y)
            + (model.hidden * model.two.weight[0]).square().mean()
        )

    return loss_fn


def again(model):
    """All of the model is within the loss."""
    x = torch.randn(6, 4, dtype=DOUBLE)
    return lambda output, y: F.cross_entropy(model(x), y)


@pytest.mark.parametrize("make", [decayed, Tempered, remembered, again])
@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_what_the_loss_is_given_is_linear_and_its_own_parameters_are_given_to_it(make, method):
    torch.manual_seed(2)
    model = Remembering().double()
    loss_fn, x, p = make(model), torch.randn(6, 4, dtype=DOUBLE), partition(model, "tensor")
    theta = {n: q.detach().clone() for n, q in model.named_parameters()}
    u = {n: torch.randn_like(q) for n, q in theta.items()}

    def given(eta):
        """The hidden value and the output along the direction."""
        step = p.expand(eta)
        moved = {n: q + u[n] * step[n] for n, q in theta.items()}
        output = functional_call(model, moved, x)
        return torch.cat([model.hidden, output], 1)

    zero = torch.zeros(p.num_groups, dtype=DOUBLE)
    start, J = given(zero).detach(), jacrev(given)(zero)

    def linear(x):
        eta = torch.stack(
            [((q - theta[n]) * u[n]).sum() / u[n].square().sum()
             for n, q in model.named_parameters()]
        )  # fmt: skip
        model.hidden, output = (start + (J * eta).sum(-1)).split([5, 3], 1)
        return output

    assert list(theta) == list(p.names)
    found = summarise(model, loss_fn, (x, LABELS), p, u, method=method, ggn=True, parts=True)
    model.forward = model.forward if make is again else linear  # in the loss it is whole
    known = summarise(model, loss_fn, (x, LABELS), p, u, method="autodiff").H
    near(found.ggn, known)
    near(sum(part.H for part in found.parts if part.kind == "loss"), known)
    near(sum(part.H for part in found.parts), found.H, 1e-12)


@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_a_loss_that_hands_the_models_scalar_on_bends_nothing(method):
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), Sum()).double()
    batch = torch.randn(3, 2, dtype=DOUBLE), LABELS[:3]
    asked = model, lambda output, y: output, batch, partition(model, "tensor")
    found = summarise(*asked, method=method, ggn=True)
    assert found.H.any()
    assert not found.ggn.any()


def test_a_loss_that_overwrites_what_it_is_given_is_found_out():
    model, _, batch, p, u = problem("squared error")
    asked = model, lambda output, y: output.mul_(2).square().sum(), batch, p, u
    assert summarise(*asked, method="autodiff").H.any()
    with pytest.raises(InputError, match="evaluated again: does it overwrite"):
        summarise(*asked, method="autodiff", ggn=True)


class Sum(nn.Module):
    def forward(self, x):
        return x.sum()
