"""H̄ by operation, and its loss's part: the Gauss–Newton matrix by an explicit Jacobian."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn import functional as F

from gnlab.cubic import Status, solve_cubic
from gnlab.partitions import partition
from gnlab.summaries import forward, summarise
from gnlab.summaries.agreement import COMPARE
from gnlab.summaries.jets import curvature
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


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("method", ["jets", "autodiff"])
@pytest.mark.parametrize("name", ["cross entropy", "squared error", "binary"])
def test_the_step_can_be_solved_with_either_matrix(name, method, dtype):
    *asked, _ = problem(name)
    found = summarise(*asked, method=method, dtype=dtype, ggn=True)
    assert found.ggn.dtype == found.d.dtype == dtype
    for H in (found.H, found.ggn):
        solution = solve_cubic(H, found.g, found.d)
        assert solution.status is Status.solved
        assert solution.certificate.holds
        assert solution.decrease > 0


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


def astray(self, origin):
    self._origin = ("loss", "sum") if origin[1] == "tanh" else origin


def test_a_right_pass_agrees_and_a_wrong_rule_is_found_out(monkeypatch):
    monkeypatch.setenv(COMPARE, "1")
    for name in EVERY:
        assert summarise(*problem(name)).method == "jets"

    # An operation's curvature in the loss's part instead of the model's.
    with monkeypatch.context() as other:
        other.setattr(curvature.Curvature, "begin", astray)
        assert summarise(*problem("squared error")).method == "jets"
        for parts in (True, "fast"):
            with pytest.raises(ArithmeticError, match="the loss's parts differs"):
                summarise(*problem("squared error"), parts=parts)

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
        return torch.special.i0(F.softplus(x) + 1)


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
