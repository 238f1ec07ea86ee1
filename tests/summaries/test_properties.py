"""What must hold whatever the network: identities, invariances, limits, and known traps."""

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from gnlab.partitions import Partition, partition
from gnlab.summaries import derivative_tensor, summarise

DOUBLE = torch.float64
ACTIVATIONS = (nn.Tanh, nn.SiLU, nn.Softplus, nn.ELU)


@st.composite
def problems(draw):
    """A small network, its data, a partition of its elements at random, a direction."""
    torch.manual_seed(draw(st.integers(0, 10**6)))
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    layers = [nn.Linear(widths[0], widths[1])]
    for before, after in itertools.pairwise(widths[1:]):
        layers += [draw(st.sampled_from(ACTIVATIONS))(), nn.Linear(before, after)]
    model = nn.Sequential(*layers).double()
    size = draw(st.integers(1, 6))
    x = torch.randn(size, widths[0], dtype=DOUBLE)
    y = torch.randint(0, widths[-1], (size,))
    loss_fn = nn.CrossEntropyLoss()
    if draw(st.booleans()):
        y, loss_fn = torch.randn(size, widths[-1], dtype=DOUBLE), nn.MSELoss()
    count = draw(st.integers(1, 5))
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    return model, loss_fn, (x, y), random_partition(model, count), u


def random_partition(model, count):
    """Each element, each row or each tensor to a random group; every group has an element."""
    shapes = {n: p.shape for n, p in model.named_parameters()}
    groups = {}
    for name, shape in shapes.items():
        kind = torch.randint(0, 3, ()).item()
        broadcast = {0: shape, 1: (shape[0], *[1] * (len(shape) - 1)), 2: ()}[kind]
        groups[name] = torch.randint(0, count, broadcast)
    used = torch.cat([g.reshape(-1) for g in groups.values()]).unique()
    number = torch.zeros(count, dtype=torch.int64)
    number[used] = torch.arange(len(used))
    groups = {n: number[g] for n, g in groups.items()}
    names = tuple(f"group {s}" for s in range(len(used)))
    return Partition("random", names, shapes, groups, ("mixed",) * len(used))


def merged(p, owner):
    """The coarser partition in which group s of ``p`` is part of group ``owner[s]``."""
    names = tuple(f"merged {s}" for s in range(int(owner.max()) + 1))
    groups = {n: owner[g] for n, g in p.groups.items()}
    return Partition("merged", names, p.shapes, groups, ("mixed",) * len(names))


def assert_near(found, expected, scale=None, tolerance=1e-10):
    scale = expected.abs().max() if scale is None else scale
    assert ((found - expected).abs() <= tolerance * scale + 1e-300).all()


@settings(max_examples=25)
@given(problems(), st.randoms(use_true_random=False))
def test_coarser_levels_are_free(problem, random):
    model, loss_fn, data, p, u = problem
    coarse = [random.randrange(max(1, p.num_groups - 1)) for _ in range(p.num_groups)]
    owner = torch.unique(torch.tensor(coarse), return_inverse=True)[1]
    q = merged(p, owner)
    C = p.coarsening(q)
    fine, found = (summarise(model, loss_fn, data, part, u) for part in (p, q))
    assert_near(found.g, C @ fine.g, fine.g.abs().sum())
    assert_near(found.H, C @ fine.H @ C.T, fine.H.abs().sum())
    # The third derivative needs the whole cube of the finer one.
    cube = derivative_tensor(model, loss_fn, data, p, 3, u)
    third = torch.einsum("ijk,si,sj,sk->s", cube, C, C, C)
    assert_near(found.third, third, cube.abs().sum())


@settings(max_examples=25)
@given(problems(), st.integers(2, 4))
def test_derivatives_are_symmetric_and_the_summary_is_part_of_them(problem, order):
    model, loss_fn, data, p, u = problem
    found = derivative_tensor(model, loss_fn, data, p, order, u)
    for axes in torch.combinations(torch.arange(order), 2).tolist():
        assert torch.equal(found, found.transpose(*axes))
    s = summarise(model, loss_fn, data, p, u)
    assert torch.equal(s.H, s.H.T)
    if order == 2:
        assert_near(found, s.H)
    if order == 3:
        diagonal = found.diagonal(dim1=0, dim2=1).diagonal()
        assert_near(s.third, diagonal, found.abs().max())


@settings(max_examples=25)
@given(problems(), st.integers(-3, 3))
def test_the_order_of_groups_is_only_a_name(problem, shift):
    model, loss_fn, data, p, u = problem
    turned = (torch.arange(p.num_groups) + shift) % p.num_groups
    q = merged(p, turned)
    s, t = (summarise(model, loss_fn, data, part, u) for part in (p, q))
    assert_near(t.g[turned], s.g)
    assert_near(t.H[turned][:, turned], s.H)
    assert_near(t.third[turned], s.third, s.third.abs().max() + s.H.abs().max())
    assert torch.equal(t.inert[turned], s.inert)


class Moved(nn.Module):
    """The same network as a function of θ̃, with θ_s = a_s θ̃_s + b_s."""

    def __init__(self, model, a):
        super().__init__()
        self.base = [model]
        self.a, self.b = a, {n: torch.randn_like(p) for n, p in model.named_parameters()}
        theta = {n: (p.detach() - self.b[n]) / a[n] for n, p in model.named_parameters()}
        self.tilde = nn.ParameterDict({n.replace(".", "_"): t for n, t in theta.items()})

    def forward(self, x):
        theta = {n: self.a[n] * self.tilde[n.replace(".", "_")] + b for n, b in self.b.items()}
        return functional_call(self.base[0], theta, (x,))


def renamed(tree):
    return {f"tilde.{n.replace('.', '_')}": t for n, t in tree.items()}


@settings(max_examples=25)
@given(problems(), st.lists(st.floats(-3, 3), min_size=5, max_size=5), st.booleans())
def test_scaled_and_shifted_parameters(problem, powers, gradient):
    model, loss_fn, data, p, u = problem
    a = torch.tensor([(-1.0) ** i * 10.0**power for i, power in enumerate(powers)], dtype=DOUBLE)
    a = a[: p.num_groups]
    moved = Moved(model, p.expand(a))
    q = Partition(p.level, p.names, renamed(p.shapes), renamed(p.groups), p.roles)
    # A gradient transforms by itself; any other direction u is chosen as a u.
    scaled = renamed({n: t * p.expand(a)[n] for n, t in u.items()})
    s = summarise(model, loss_fn, data, p, None if gradient else u)
    t = summarise(moved, loss_fn, data, q, None if gradient else scaled)
    rounding = 1e-6  # a shift of order one is undone in front of a parameter a thousand times finer
    assert_near(t.g / a**2, s.g, s.g.abs().max(), rounding)
    assert_near(t.H / torch.outer(a**2, a**2), s.H, s.H.abs().max(), rounding)
    assert_near(t.third / a**6, s.third, s.third.abs().max() + s.H.abs().max(), rounding)


def test_an_orthogonal_map_within_a_group_changes_nothing(make):
    case = make("tanh")
    p = partition(case.model, "tensor")
    rotation = {
        n: torch.linalg.qr(torch.randn(q.numel(), q.numel(), dtype=DOUBLE))[0]
        for n, q in case.model.named_parameters()
    }

    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.base = [case.model]
            tilde = {n: rotation[n].T @ q.detach().reshape(-1) for n, q in params.items()}
            self.tilde = nn.ParameterDict({n.replace(".", "_"): t for n, t in tilde.items()})

        def forward(self, x):
            theta = {
                n: (rotation[n] @ self.tilde[n.replace(".", "_")]).view_as(q)
                for n, q in params.items()
            }
            return functional_call(self.base[0], theta, (x,))

    params = dict(case.model.named_parameters())
    turned = Turned()
    s = summarise(case.model, case.loss_fn, case.batch, p)
    q = Partition(p.level, p.names, renamed(p.shapes), renamed(p.groups), p.roles)
    q = Partition(
        q.level,
        q.names,
        {n: torch.Size([t.numel()]) for n, t in q.shapes.items()},
        q.groups,
        q.roles,
    )
    t = summarise(turned, case.loss_fn, case.batch, q)
    assert_near(t.g, s.g)
    assert_near(t.H, s.H)
    assert_near(t.third, s.third)


def test_one_group_is_cauchys_exact_line_search(make):
    # A linear model under a square: the loss is a quadratic along the gradient.
    case = make("linear")
    s = summarise(case.model, case.loss_fn, case.batch, partition(case.model, "all"))
    step = (s.g / s.H[0]).item()
    x, y = case.batch
    grads = torch.autograd.grad(case.loss_fn(case.model(x), y), list(case.model.parameters()))

    def loss_after(eta):
        moved = copy.deepcopy(case.model)
        with torch.no_grad():
            for p, g in zip(moved.parameters(), grads, strict=True):
                p.sub_(eta * g)
        return case.loss_fn(moved(x), y).item()

    assert s.third.abs() <= 1e-12 * s.H.abs().max()
    best = loss_after(step)
    assert best == pytest.approx(s.loss.item() - 0.5 * step * s.g.item(), rel=1e-12)
    assert all(loss_after(step * (1 + e)) > best for e in (-0.01, 0.01))


def test_one_group_per_element_is_newtons_method(make, elements):
    case = make("linear")
    u = case.direction()
    s = summarise(case.model, case.loss_fn, case.batch, elements(case.model), u)
    eta = torch.linalg.solve(s.H, s.g)
    flat = torch.cat([u[n].reshape(-1) for n, _ in case.model.named_parameters()])
    x, y = case.batch
    best = torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1)], 1).double(), y).solution
    theta = torch.cat([p.detach().reshape(-1) for p in case.model.parameters()]) - flat * eta
    torch.testing.assert_close(
        theta, torch.cat([best[:-1].T.reshape(-1), best[-1]]), rtol=1e-9, atol=0
    )


def test_every_element_of_a_polynomial(make, elements):
    # θ₀³θ₁ + 2θ₁²θ₂² − θ₂⁴ + θ₀θ₁θ₂ at (a, b, c), by hand, along u = 1.
    case = make("polynomial")
    a, b, c = case.model.theta.detach()
    p, u = elements(case.model), {"theta": torch.ones(3, dtype=DOUBLE)}
    s = summarise(case.model, case.loss_fn, case.batch, p, u)
    g = [3 * a**2 * b + b * c, a**3 + 4 * b * c**2 + a * c, 4 * b**2 * c - 4 * c**3 + a * b]
    H = [
        [6 * a * b, 3 * a**2 + c, b],
        [3 * a**2 + c, 4 * c**2, 8 * b * c + a],
        [b, 8 * b * c + a, 4 * b**2 - 12 * c**2],
    ]
    torch.testing.assert_close(s.g, torch.stack(g))
    torch.testing.assert_close(s.H, torch.stack([torch.stack(row) for row in H]))
    torch.testing.assert_close(s.third, torch.stack([6 * b, 0 * b, -24 * c]))
    fourth = derivative_tensor(case.model, case.loss_fn, case.batch, p, 4, u)
    expected = torch.zeros(3, 3, 3, 3, dtype=DOUBLE)
    for index, entry in (((0, 0, 0, 1), 6), ((1, 1, 2, 2), 8), ((2, 2, 2, 2), -24)):
        for order in set(itertools.permutations(index)):
            expected[order] = entry
    torch.testing.assert_close(fourth, expected)


def test_a_direction_is_matched_by_name_not_by_order(make):
    # Square layers: their shapes would not give a mix-up away.
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)).double()
    data = torch.randn(5, 3, dtype=DOUBLE), torch.randn(5, 3, dtype=DOUBLE)
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    backwards = dict(reversed(u.items()))
    late = partition(model, {"b": ["2.bias", "2.weight"], "a": ["0.bias", "0.weight"]})
    early = partition(model, {"a": ["0.weight", "0.bias"], "b": ["2.weight", "2.bias"]})
    expected = summarise(model, nn.MSELoss(), data, early, u)
    found = summarise(model, nn.MSELoss(), data, late, backwards)
    assert_near(found.g.flip(0), expected.g)
    assert_near(found.H.flip(0, 1), expected.H)
    assert_near(found.third.flip(0), expected.third)


def test_tied_weights_count_once(make):
    case = make("tied")
    p = partition(case.model, "tensor")
    assert p.num_groups == 3  # one layer registered twice, one matrix used twice
    s = summarise(case.model, case.loss_fn, case.batch, p)
    x, y = case.batch
    params = dict(case.model.named_parameters())
    grads = torch.autograd.grad(case.loss_fn(case.model(x), y), list(params.values()))
    squares = {n: (g**2).sum() for n, g in zip(params, grads, strict=True)}
    torch.testing.assert_close(s.g, torch.stack([squares[n] for n in p.names]))


def test_the_summary_does_not_alias_or_touch_what_it_is_given(make):
    case = make("tanh")
    u = case.direction()
    before = {n: t.clone() for n, t in u.items()}
    p = partition(case.model, "tensor")
    one = summarise(case.model, case.loss_fn, case.batch, p, u)
    copied = one.g.clone(), one.H.clone(), one.third.clone()
    for t in u.values():
        t.mul_(2)
    two = summarise(case.model, case.loss_fn, [case.batch] * 3, p, u)
    for found, expected in zip((one.g, one.H, one.third), copied, strict=True):
        assert torch.equal(found, expected)
    # Three times the same batch is that batch: an accumulator added to itself would show.
    torch.testing.assert_close(two.g, 2 * one.g)
    torch.testing.assert_close(two.H, 4 * one.H)
    torch.testing.assert_close(two.third, 8 * one.third)
    assert all(torch.equal(t, 2 * before[n]) for n, t in u.items())
