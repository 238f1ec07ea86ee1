"""Groups without effect are found, at any scale, and only those."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.cubic import solve_cubic
from gnlab.partitions import partition
from gnlab.summaries import summarise

DTYPES = [torch.float32, torch.float64]


class Normed(nn.Module):
    """A batch norm behind a biased layer, and what may be scaled and shifted in each group."""

    def __init__(self, width=8, scale=None, shift=0.0):
        super().__init__()
        self.inner = nn.Linear(5, width)
        self.norm = nn.BatchNorm1d(width)
        self.outer = nn.Linear(width, 3)
        self.scale = scale or {}
        self.shift = shift

    def forward(self, x):
        return self.outer(torch.tanh(self.norm(self.inner(x))))


def times(factor, loss_fn):
    """The same loss in other units."""
    return lambda out, y: factor * loss_fn(out, y)


def random_direction(model, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return {n: torch.randn(p.shape, generator=rng).to(p) for n, p in model.named_parameters()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [4, 37, 128, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_a_bias_in_front_of_a_batch_norm_is_inert(dtype, size, seed):
    torch.manual_seed(seed)
    model = Normed().to(dtype)
    with torch.no_grad():
        model.inner.bias.add_(10 * torch.randn(8))  # cancellation worth the name
    x, y = 3 + torch.randn(size, 5, dtype=dtype), torch.randint(0, 3, (size,))
    p = partition(model, "tensor")
    for u in (None, random_direction(model)):
        s = summarise(model, nn.CrossEntropyLoss(), (x, y), p, u)
        assert s.inert.tolist() == [False, True, False, False, False, False]
        assert s.g[1] == 0
        assert s.third[1] == 0
        assert not s.H[1].any()
        assert not s.H[:, 1].any()
        kept = ~s.inert
        assert s.g[kept].all()
        assert s.H[kept][:, kept].diagonal().all()
    solution = solve_cubic(s.H, s.g, s.d)
    assert solution.status.ok
    assert solution.step_sizes[1] == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("power", [-12, -3, 4, 12])
def test_scale_is_no_matter(dtype, power):
    # θ_s = a_s θ̃_s: the same function of other parameters, ten thousand times apart.
    torch.manual_seed(0)
    model = Normed().to(dtype)
    x, y = torch.randn(50, 5, dtype=dtype), torch.randint(0, 3, (50,))
    p, u = partition(model, "tensor"), random_direction(model)
    u = {n: t * 2.0 ** (power * (-1) ** i) for i, (n, t) in enumerate(u.items())}
    for factor in (1e-8, 1.0, 1e8):
        s = summarise(model, times(factor, functional.cross_entropy), (x, y), p, u)
        assert s.inert.tolist() == [False, True, False, False, False, False]


@pytest.mark.parametrize("dtype", DTYPES)
def test_keys_bias_is_inert_and_queries_is_not(dtype, elements):
    # Softmax does not see what is added to all scores of a query: the key's bias.
    torch.manual_seed(0)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x):
            mixed = functional.scaled_dot_product_attention(
                self.query(x), self.key(x), self.value(x)
            )
            return mixed.mean(1)

    model = Attention().to(dtype)
    x, y = torch.randn(6, 5, 4, dtype=dtype), torch.randint(0, 4, (6,))
    p = partition(model, "tensor")
    for u in (None, random_direction(model)):
        s = summarise(model, nn.CrossEntropyLoss(), (x, y), p, u)
        assert [n for n, inert in zip(p.names, s.inert, strict=True) if inert] == ["key.bias"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_single_elements_are_told_apart(dtype, elements):
    torch.manual_seed(0)
    model = Normed(width=4).to(dtype)
    x, y = torch.randn(30, 5, dtype=dtype), torch.randint(0, 3, (30,))
    p = elements(model)
    s = summarise(model, nn.CrossEntropyLoss(), (x, y), p, random_direction(model))
    inert = set(s.inert.nonzero()[:, 0].tolist())
    assert inert == set(p.groups["inner.bias"].tolist())


@pytest.mark.parametrize("dtype", DTYPES)
def test_dead_and_unused_parameters_are_inert(dtype):
    torch.manual_seed(0)

    class Dead(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(2, 2)
            self.dead = nn.Linear(3, 2)
            self.live = nn.Linear(2, 2)

        def forward(self, x):
            return self.live(torch.relu(self.dead(x)))

    model = Dead().to(dtype)
    with torch.no_grad():
        model.dead.bias.fill_(-100)
    data, p = (torch.randn(5, 3, dtype=dtype), torch.tensor([0, 1, 0, 1, 1])), partition(model)
    for u in (None, random_direction(model)):
        s = summarise(model, nn.CrossEntropyLoss(), data, p, u)
        # No unit is alive, so the weights behind them do nothing either.
        assert s.inert.tolist() == [True] * 5 + [False]
    nothing = {n: torch.zeros_like(t) for n, t in model.named_parameters()}
    s = summarise(model, nn.CrossEntropyLoss(), data, p, nothing)
    assert s.inert.all()
    assert not s.H.any()


class Surface(nn.Module):
    """A function of two raw parameters."""

    def __init__(self, function, dtype, a=1.0, b=1.0):
        super().__init__()
        self.a = nn.Parameter(torch.tensor([a], dtype=dtype))
        self.b = nn.Parameter(torch.tensor([b], dtype=dtype))
        self.function = function

    def forward(self, x):
        return self.function(self.a, self.b).sum()


def summarise_surface(function, dtype, *at):
    model = Surface(function, dtype, *at)
    u = {"a": torch.ones(1, dtype=dtype), "b": torch.ones(1, dtype=dtype)}
    x = torch.zeros(1)
    return summarise(model, lambda out, y: out, (x, x), partition(model), u)


@pytest.mark.parametrize("dtype", DTYPES)
def test_stationary_groups_with_curvature_are_not_inert(dtype):
    # ḡ_a is nothing but rounding (0.1·3 − 0.3), the curvature is not.
    s = summarise_surface(lambda a, b: (0.1 * a - 0.3) ** 2 + b, dtype, 3.0)
    assert s.inert.tolist() == [False, False]
    assert s.H[0, 0].item() == pytest.approx(0.02)
    # A saddle whose only derivative is mixed.
    s = summarise_surface(lambda a, b: a * b, dtype, 0.0, 0.0)
    assert s.inert.tolist() == [False, False]
    assert s.H.tolist() == [[0, 1], [1, 0]]
    # An inflexion: only the third derivative is there.
    s = summarise_surface(lambda a, b: a**3 + b, dtype, 0.0)
    assert s.inert.tolist() == [False, False]
    assert s.third.tolist() == [6, 0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_trained_to_the_minimum_nothing_is_inert(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(dtype)
    x = torch.randn(40, 3, dtype=dtype)
    y = model(x).detach()  # zero loss: every gradient is exactly zero, the curvature is not
    p, u = partition(model, "tensor"), random_direction(model)
    s = summarise(model, nn.MSELoss(), (x, y), p, u)
    assert not s.inert.any()
    assert not s.g.any()
    noisy = y + 1e-3 * torch.randn_like(y)
    assert not summarise(model, nn.MSELoss(), (x, noisy), p, u).inert.any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_inert_in_one_batch_of_a_loader_only(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU(), nn.Linear(1, 1)).to(dtype)
    with torch.no_grad():
        model[0].weight.fill_(1.0)
    dead, live = -torch.ones(3, 2, dtype=dtype), torch.ones(3, 2, dtype=dtype)
    y = torch.zeros(3, 1, dtype=dtype)
    p, u = partition(model), random_direction(model)
    batches = [(dead, y), (live, y)]
    loss = nn.MSELoss()
    assert summarise(model, loss, batches[0], p, u).inert.tolist() == [True, True, False]
    assert not summarise(model, loss, batches, p, u).inert.any()
    assert summarise(model, loss, [batches[0]] * 2, p, u).inert.tolist() == [True, True, False]


class Jump(nn.Module):
    """Weights times what a function makes of others, which are where it jumps."""

    def __init__(self, function, *at):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.7, -0.3]))
        self.at = nn.Parameter(torch.tensor(at))
        self.function = function

    def forward(self, x):
        return x @ (self.weight * self.function(self.at))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["jets", "autodiff"])
@pytest.mark.parametrize("level", ["all", "tensor", "element"])
@pytest.mark.parametrize(
    ("function", "at", "slope"),
    [
        (lambda t: t.int(), (1.0, -1.0), 0),
        (lambda t: t.round(), (0.5, 1.5), 0),
        (lambda t: (t / torch.tensor(0.7)).floor(), (0.7, 0.7), 0),
        (lambda t: torch.where(t.abs() <= 1, t, t.sign()), (1.0, -1.0), 1),
    ],
    ids=["int", "round", "floor", "kink"],
)
def test_where_a_function_jumps_what_has_an_effect_is_not_inert(
    dtype, method, level, function, at, slope
):
    # Moved by a unit in the last place, the parameters would make another function of the weights.
    torch.manual_seed(0)
    model, plain = Jump(function, *at).to(dtype), Jump(None, *at).to(dtype)
    made = function(model.at).detach().to(dtype)
    plain.function = lambda t: made + slope * (t - t.detach())
    data = torch.randn(9, 2, dtype=dtype), torch.randn(9, dtype=dtype)
    p, u = partition(model, level), random_direction(model)
    s = summarise(model, nn.MSELoss(), data, p, u, method=method)
    expected = summarise(plain, nn.MSELoss(), data, p, u, method=method)
    assert s.inert.equal(expected.inert)
    assert not s.inert.all()
    for name in ("g", "H", "third"):
        torch.testing.assert_close(getattr(s, name), getattr(expected, name))


@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_an_orthogonal_layer_has_a_summary(method):
    # Torch's Householder map takes the signs of its diagonal, which are ±1, by `.int()`.
    torch.manual_seed(0)
    layer = nn.utils.parametrizations.orthogonal(nn.Linear(4, 5))
    model = nn.Sequential(layer, nn.Tanh(), nn.Linear(5, 3)).double()
    data = torch.randn(20, 4).double(), torch.randint(0, 3, (20,))
    s = summarise(model, functional.cross_entropy, data, partition(model), method=method)
    assert not s.inert.any()
    assert (s.g > 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["jets", "autodiff"])
@pytest.mark.parametrize("at", [1.0, -0.75, 6.5])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_curvature_that_begins_at_a_short_number_is_not_rounding(dtype, method, at, side):
    # As of scales that begin at one and may not grow. The loss is the same a unit in the last place
    # further on, so nothing but the number says that a function may jump there.
    model = Surface(lambda a, b: torch.where(side * (a - at) >= 0, (a - at) ** 2, 0) + b, dtype, at)
    u = {"a": torch.full((1,), 0.3, dtype=dtype), "b": torch.full((1,), 0.7, dtype=dtype)}
    x = torch.zeros(1)
    s = summarise(model, lambda out, y: out, (x, x), partition(model), u, method=method)
    assert s.inert.tolist() == [False, False]
    assert s.H[0, 0].item() == pytest.approx(2 * 0.3**2)
