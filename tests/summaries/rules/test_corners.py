"""Where an elementwise function has a corner or a pole, the fast pass has what torch has there."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64


def number(value):
    return torch.tensor([value], dtype=DOUBLE)


def huber(x, delta):
    return F.huber_loss(x, torch.zeros_like(x), reduction="none", delta=delta)


def smooth(x, beta):
    return F.smooth_l1_loss(x, torch.zeros_like(x), reduction="none", beta=beta)


CORNERS = {
    "abs": (torch.abs, [0.0]),
    "amax": (lambda x: torch.stack([x, x * x]).amax(0), [0.0, 1.0]),
    "celu": (F.celu, [0.0]),
    "celu: negative": (lambda x: F.celu(x, -0.5), [0.0]),
    "celu: other": (lambda x: F.celu(x, 0.5), [0.0]),
    "clamp": (lambda x: x.clamp(-1, 1), [-1.0, 1.0]),
    "clamp: from": (lambda x: x.clamp(x * x), [0.0, 1.0]),
    "clamp: to": (lambda x: torch.clamp(x * x, max=x), [0.0, 1.0]),
    "clamp: between": (lambda x: x.clamp(x * x, x**3), [-1.0, 0.0, 0.5, 1.0, 2.0]),
    "clamp: nothing left": (lambda x: (x + 0.1).clamp(x * x, x.exp() * 0 + 0.5), [0.5, 1.0]),
    "clamp: at": (lambda x: x.clamp(1 + (x - 1) / 2, 1 + (x - 1) / 3), [0.0, 1.0, 2.0]),
    "clamp: of the same": (lambda x: (2 * x).clamp(x * x, 1 * x), [0.0, 1.0]),
    "clamp: of the same from below": (lambda x: (x / 2).clamp(x * x, 1 * x), [0.0, 1.0]),
    "clamp_min": (lambda x: x.clamp_min(x * x), [0.0, 1.0]),
    "clamp_max": (lambda x: torch.clamp_max(x, x * x), [0.0, 1.0]),
    "elu": (F.elu, [0.0]),
    "elu: in place": (lambda x: F.elu_(x + 0), [0.0]),
    "elu: other": (lambda x: F.elu(x, 2.0), [0.0]),
    "hardshrink": (F.hardshrink, [-0.5, 0.5]),
    "hardsigmoid": (F.hardsigmoid, [-3.0, 3.0]),
    "hardswish": (F.hardswish, [-3.0, 3.0]),
    "hardtanh": (F.hardtanh, [-1.0, 1.0]),
    "hinge": (
        lambda x: F.hinge_embedding_loss(x, -torch.ones_like(x), reduction="none"), [0.0, 1.0],
    ),
    "huber": (lambda x: huber(x, 1.0), [-1.0, 0.0, 1.0]),
    "huber: other": (lambda x: huber(x, 2.0), [-2.0, 2.0]),
    "leaky_relu": (F.leaky_relu, [0.0]),
    "margin": (
        lambda x: F.margin_ranking_loss(x, x * x, torch.ones_like(x), reduction="none"), [0.0, 1.0],
    ),
    "logit": (lambda x: torch.logit(x, 0.25), [0.25, 0.75]),
    "maximum": (lambda x: torch.maximum(x, x * x), [0.0, 1.0]),
    "minimum": (lambda x: torch.minimum(x, x * x), [0.0, 1.0]),
    "mish": (F.mish, [20.0]),
    "pow": (lambda x: x**2.5, [0.0]),
    "pow: a tensor": (lambda x: x ** torch.tensor(2), [0.0, -1.0]),
    "pow: a tensor of two and a half": (lambda x: x ** torch.tensor(2.5), [0.0]),
    "prelu": (lambda x: F.prelu(x, number(0.25)), [0.0]),
    "fmod": (lambda x: x.fmod(0.5) * x, [-0.5, 0.0, 1.0]),
    "remainder": (lambda x: x % 0.5 * x, [-0.5, 0.0, 1.0]),
    "xlogy": (lambda x: torch.xlogy(x, torch.tensor(0.0)) + x * x, [0.0]),
    "relu": (F.relu, [0.0]),
    "relu6": (F.relu6, [0.0, 6.0]),
    "selu": (F.selu, [0.0]),
    "smooth_l1": (lambda x: smooth(x, 0.5), [-0.5, 0.0, 0.5]),
    "softplus": (F.softplus, [20.0]),
    "softplus: other": (lambda x: F.softplus(x, 2.0, 3.0), [1.5]),
    "softshrink": (F.softshrink, [-0.5, 0.5]),
    "threshold": (lambda x: F.threshold(x, 0.1, 2.0), [0.1]),
}  # fmt: skip


class At(nn.Module):
    """A function at a point to which two parameters add up."""

    def __init__(self, function, point):
        super().__init__()
        self.function = function
        self.a, self.b = nn.Parameter(number(point)), nn.Parameter(number(0.0))

    def forward(self, x):
        return self.function(self.a + self.b * x)


def both(model, data, loss_fn, u):
    given = model, loss_fn, data, partition(model, "tensor"), u
    return summarise(*given, method="jets"), summarise(*given, method="autodiff")


@pytest.mark.parametrize(
    ("name", "point"), [(name, point) for name, (_, at) in CORNERS.items() for point in at]
)
def test_at_a_corner_every_derivative_is_torchs(name, point):
    model = At(CORNERS[name][0], point)
    fast, plain = both(
        model,
        (number(2.0), number(0.0)),
        lambda out, _: (1.7 * out + 0.3 * out**2).sum(),
        {"a": number(1.3), "b": number(0.7)},
    )
    for found, known in ((fast.g, plain.g), (fast.H, plain.H), (fast.third, plain.third)):
        torch.testing.assert_close(found, known, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("activation", [nn.ELU(), nn.SELU(), nn.CELU(0.5), nn.PReLU()], ids=str)
def test_a_convolution_without_biases_over_blank_patches(activation):
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 3, 3), activation, nn.Flatten(), nn.Linear(48, 4)
    model = nn.Sequential(*layers).double()
    nn.init.zeros_(model[0].bias)
    x = torch.rand(5, 1, 6, 6, dtype=DOUBLE)
    x[:, :, :4, :4] = 0
    assert (model[0](x) == 0).sum() > 20
    u = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    fast, plain = both(model, (x, torch.arange(5) % 4), nn.CrossEntropyLoss(), u)
    for found, known in ((fast.g, plain.g), (fast.H, plain.H), (fast.third, plain.third)):
        assert (found - known).abs().max() <= 1e-13 * known.abs().max()


class Behind(nn.Module):
    """A function behind units of which some are dead."""

    def __init__(self, function, width=8):
        super().__init__()
        self.function = function
        self.first, self.last = nn.Linear(3, width), nn.Linear(width, 2)
        self.double()

    def forward(self, x):
        return self.last(self.function(self.first(x)))


POLES = {
    "sqrt": torch.sqrt,
    "pow": lambda x: x**0.5,
    "pow: of three halves": lambda x: x**1.5,
    "pow: of five halves": lambda x: x**2.5,
    "log": lambda x: torch.log(x).masked_fill(x == 0, 0.0),
    "log1p": lambda x: torch.log1p(x - 1).masked_fill(x == 0, 0.0),
    "rsqrt": lambda x: torch.rsqrt(x).masked_fill(x == 0, 0.0),
    "reciprocal": lambda x: (1 / x).masked_fill(x == 0, 0.0),
    "quotient": lambda x: (x / torch.sqrt(x)).masked_fill(x == 0, 0.0),
    "two": lambda x: torch.sqrt(torch.sqrt(x)),
}


@pytest.mark.parametrize("level", ["tensor", "unit", "element"])
@pytest.mark.parametrize("name", POLES)
def test_what_a_dead_unit_hands_on_has_no_part(name, level):
    """Known is the same function where only the living are given to it; torch's third is NaN."""

    def of_the_living(v):
        alive = v > 0
        return torch.where(alive, POLES[name](torch.where(alive, v, 1.0)), 0.0)

    torch.manual_seed(0)
    data = torch.randn(6, 3, dtype=DOUBLE), torch.randn(6, 2, dtype=DOUBLE)
    model = Behind(lambda v: POLES[name](F.relu(v)))
    same = Behind(of_the_living)
    same.load_state_dict(model.state_dict())
    dead = model.first(data[0]) < 0
    assert dead.any()
    assert not dead.all()
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    found = summarise(model, nn.MSELoss(), data, partition(model, level), u, method="jets")
    known = summarise(same, nn.MSELoss(), data, partition(same, level), u, method="autodiff")
    for one, two in ((found.g, known.g), (found.H, known.H), (found.third, known.third)):
        assert (one - two).abs().max() <= 1e-12 * two.abs().max()


BETWEEN = {
    "h log h": lambda h: torch.where(h > 0, h * torch.log(h), 0.0),
    "root of a square": lambda h: torch.where(h > 0, torch.sqrt(h * h), 0.0),
    "root of tanh": lambda h: torch.where(h > 0, torch.sqrt(torch.tanh(h)), 0.0),
    "norm by hand": lambda h: h / (h * h).sum(1, keepdim=True).sqrt().clamp_min(1e-6),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_where_the_fast_pass_has_no_number_the_definition_is_asked(name):
    torch.manual_seed(1)
    data = torch.randn(5, 3, dtype=DOUBLE), torch.randn(5, 2, dtype=DOUBLE)
    model = Behind(lambda v: BETWEEN[name](F.relu(v)), width=4)
    with torch.no_grad():
        model.first.weight[0], model.first.bias[:] = 0, -1
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    given = model, nn.MSELoss(), data, partition(model, "tensor"), u
    found, known = summarise(*given), summarise(*given, method="autodiff")
    assert found.method == "autodiff"
    for one, two in ((found.g, known.g), (found.H, known.H), (found.third, known.third)):
        assert two.isfinite().all()
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-14)


def test_what_is_no_number_by_the_definition_either_stays_the_fast_pass():
    model = Behind(lambda v: torch.sqrt(v - v), width=4)
    data = torch.randn(5, 3, dtype=DOUBLE), torch.randn(5, 2, dtype=DOUBLE)
    found = summarise(model, nn.MSELoss(), data, partition(model, "tensor"))
    assert found.loss.isfinite()
    assert not found.H.isfinite().all()
    assert found.method == "jets"
