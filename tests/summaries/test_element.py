"""The finest level: one group per element, which is Newton's method, and what is refused beyond.

The oracles are torch's own dense Hessian and gradient of the loss, in float64.
"""

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, grad, jacrev

import gnlab
from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64


class Quadratic(nn.Module):
    """½(θ − θ*)ᵀA(θ − θ*) of raw parameters, [P] in all, with A positive definite."""

    def __init__(self, shapes, condition=100.0):
        super().__init__()
        self.parts = nn.ParameterList(torch.randn(shape, dtype=DOUBLE) for shape in shapes)
        size = sum(part.numel() for part in self.parts)
        Q = torch.linalg.qr(torch.randn(size, size, dtype=DOUBLE))[0]
        spectrum = torch.logspace(0, np.log10(condition), size, dtype=DOUBLE)
        self.register_buffer("A", (Q * spectrum) @ Q.T)
        self.register_buffer("best", torch.randn(size, dtype=DOUBLE))

    def forward(self, x):
        off = torch.cat([part.reshape(-1) for part in self.parts]) - self.best
        return 0.5 * (off * (self.A @ off)).sum()


class Damped(nn.Module):
    """A network beside μ/2 ‖θ‖², which makes the sum convex."""

    def __init__(self, network, mu):
        super().__init__()
        self.network, self.mu = network, mu

    def forward(self, x):
        squares = sum((p * p).sum() for p in self.network.parameters())
        return self.network(x), 0.5 * self.mu * squares


def value(output, _):
    return output


def with_penalty(output, y):
    return nn.functional.cross_entropy(output[0], y) + output[1]


def quadratic(shapes):
    return Quadratic(shapes), value, (torch.zeros(1, dtype=DOUBLE), torch.zeros(1, dtype=DOUBLE))


def convex(*layers, mu=2.0, size=9):
    model = Damped(nn.Sequential(*layers).double(), mu)
    x = torch.randn(size, layers[0].weight.shape[1], dtype=DOUBLE)
    return model, with_penalty, (x, torch.randint(3, (size,)))


def away_from_zero(model):
    """A random direction without a zero, over two decades and of both signs."""
    return {
        n: torch.randn_like(p).sign() * 10 ** (2 * torch.rand_like(p) - 1)
        for n, p in model.named_parameters()
    }


def flat(tree):
    return torch.cat([value.detach().reshape(-1) for value in tree.values()])


def dense(problem):
    """θ, ∇L and ∇²L over all elements in the model's order, by torch."""
    model, loss_fn, (x, y) = problem
    named = {n: p.detach() for n, p in model.named_parameters()}
    theta = flat(named)

    def loss(vector):
        parts = vector.split([p.numel() for p in named.values()])
        moved = {n: v.reshape(p.shape) for (n, p), v in zip(named.items(), parts, strict=True)}
        return loss_fn(functional_call(model, moved, (x,)), y)

    return theta, grad(loss)(theta), jacrev(grad(loss))(theta)


def membership(split):
    """I, [P, S]."""
    owner = torch.cat([g.expand(split.shapes[n]).reshape(-1) for n, g in split.groups.items()])
    return torch.nn.functional.one_hot(owner, split.num_groups).to(DOUBLE)


def stepped(problem, level, u, damping=0.0):
    """The parameters after one step of a level, [P], and the solution."""
    model, loss_fn, batch = problem
    split = partition(model, level)
    summary = summarise(model, loss_fn, batch, split, u)
    solution = gnlab.solve_cubic(summary.H, summary.g, summary.d, damping)
    moved = {
        n: p.detach() - u[n] * solution.step_sizes[split.groups[n]].expand(p.shape)
        for n, p in model.named_parameters()
    }
    return flat(moved), solution


PROBLEMS = {
    "quadratic": lambda: quadratic([(6, 5), (5,)]),
    "perceptron": lambda: convex(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)),
    "deeper": lambda: convex(
        nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3)
    ),
}


@pytest.fixture(params=list(PROBLEMS))
def problem(request):
    return PROBLEMS[request.param]()


@pytest.mark.parametrize("seed", range(3))
def test_an_element_each_is_newtons_step_whatever_the_direction(problem, seed):
    torch.manual_seed(seed)
    theta, g, H = dense(problem)
    newton = theta - torch.linalg.solve(H, g)
    for _ in range(3):
        found, solution = stepped(problem, "element", away_from_zero(problem[0]))
        assert solution.status.ok
        assert (found - newton).norm() <= 1e-8 * (newton - theta).norm()
        assert (found - newton).norm() <= 1e-8 * newton.norm()


def test_one_step_to_the_minimum_of_200_parameters():
    problem = quadratic([(12, 15), (20,)])
    model = problem[0]
    u = away_from_zero(model)
    found, solution = stepped(problem, "element", u)
    assert solution.step_sizes.numel() == 200
    assert (found - model.best).norm() <= 1e-8 * model.best.norm()
    # The next summary, at the minimum, has no gradient left.
    after = copy.deepcopy(model)
    with torch.no_grad():
        for part, new in zip(after.parts, found.split([180, 20]), strict=True):
            part.copy_(new.reshape(part.shape))
    assert after(None).item() <= 1e-14 * model(None).item()


def test_all_in_one_group_is_exact_line_search_along_the_gradient(problem):
    theta, g, H = dense(problem)
    model = problem[0]
    u = dict(zip((n for n, _ in model.named_parameters()), _parts(g, model), strict=True))
    found, solution = stepped(problem, "all", u)
    best = (g @ g) / (g @ H @ g)
    assert solution.step_sizes.item() == pytest.approx(best.item(), rel=1e-8)
    assert (found - (theta - best * g)).norm() <= 1e-8 * (best * g).norm()


def _parts(vector, model):
    shapes = [p.shape for p in model.parameters()]
    split = vector.split([shape.numel() for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(split, shapes, strict=True)]


def test_every_level_is_the_dense_computation(problem):
    """ḡ = IᵀUg, H̄ = IᵀUHUI, and the step UIη of the levels between the two ends."""
    model, loss_fn, batch = problem
    theta, g, H = dense(problem)
    u = away_from_zero(model)
    U = flat(u)
    for rung in gnlab.ladder(model):
        split = partition(model, rung.level)
        summary, member = summarise(model, loss_fn, batch, split, u), membership(split)
        g_bar, H_bar = member.T @ (U * g), member.T @ (U[:, None] * H * U) @ member
        assert (summary.g - g_bar).abs().max() <= 1e-8 * g_bar.abs().max()
        assert (summary.H - H_bar).abs().max() <= 1e-8 * H_bar.abs().max()
        eta = torch.linalg.solve(H_bar, g_bar)
        found, _ = stepped(problem, rung.level, u)
        step = U * (member @ eta)
        assert (found - (theta - step)).norm() <= 1e-8 * step.norm()


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(list(PROBLEMS)))
def test_a_finer_partition_never_promises_less(seed, name):
    """λ_int = 0 and H̄ positive definite: the predicted decrease grows along the ladder."""
    torch.manual_seed(seed)
    model, loss_fn, batch = PROBLEMS[name]()
    u = away_from_zero(model)
    promised = []
    for rung in gnlab.ladder(model):
        summary = summarise(model, loss_fn, batch, partition(model, rung.level), u)
        assert torch.linalg.eigvalsh(summary.H)[0] > 0
        promised.append(gnlab.solve_cubic(summary.H, summary.g, summary.d, 0.0).decrease)
    assert promised[0] > 0
    assert all(b >= a * (1 - 1e-10) for a, b in itertools.pairwise(promised))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_a_merged_group_never_promises_more(seed, size):
    """The same for any model H̄, ḡ and any coarsening of its groups."""
    rng = np.random.default_rng(seed)
    J, g = rng.standard_normal((size, size)), rng.standard_normal(size)
    H = J @ J.T + 0.1 * np.eye(size)
    owner = rng.integers(0, rng.integers(1, size + 1), size)
    C = (np.unique(owner)[:, None] == owner).astype(float)
    fine = gnlab.solve_cubic(H, g, np.zeros(size), 0.0).decrease
    coarse = gnlab.solve_cubic(C @ H @ C.T, C @ g, np.zeros(len(C)), 0.0).decrease
    assert coarse <= fine * (1 + 1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("damping", [0.0, 1.0])
def test_elements_without_a_direction_do_not_move(dtype, damping):
    """Inert, left out of the solve, and the others step as if those were constants."""
    model, loss_fn, batch = convex(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    model, batch = model.to(dtype), (batch[0].to(dtype), batch[1])
    u = away_from_zero(model)
    for part in u.values():
        part[torch.rand_like(part) < 0.4] = 0
    split = partition(model, "element")
    summary = summarise(model, loss_fn, batch, split, u)
    still = flat(u) == 0
    assert still.any()
    assert torch.equal(summary.inert, still)
    solution = gnlab.solve_cubic(summary.H, summary.g, summary.d, damping)
    assert solution.status.ok
    assert not solution.step_sizes[still].any()
    assert solution.step_sizes[~still].all()
    live = (~still).nonzero()[:, 0]
    alone = gnlab.solve_cubic(summary.H[live][:, live], summary.g[live], summary.d[live], damping)
    assert torch.equal(solution.step_sizes[live], alone.step_sizes)
    if damping == 0:
        _, g, H = dense((model.double(), loss_fn, (batch[0].double(), batch[1])))
        U = flat(u).double()[live]
        newton = torch.linalg.solve(H[live][:, live], g[live])
        found = U * solution.step_sizes[live]
        assert (found - newton).norm() <= (1e-8 if dtype is DOUBLE else 1e-4) * newton.norm()
