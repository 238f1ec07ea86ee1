"""Every elementwise function's three derivatives, by differences and by the plain definition."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.rules import elementwise
from tests.summaries.rules.held import Ruled

SHAPE = (2, 3)


def writing(module):
    """A module that overwrites its input: a value of its own."""
    return lambda x: module(2 * x)


HALF = torch.tensor(0.5).double()
SIMPLE = {
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": F.softplus, "exp": torch.exp,
    "square": torch.square, "sin": torch.sin, "cos": torch.cos, "erf": torch.erf,
    "abs": torch.abs, "relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu, "selu": F.selu,
    "celu": F.celu, "silu": F.silu, "gelu": F.gelu, "hardtanh": F.hardtanh,
    "sigmoid: functional": F.sigmoid, "tanh: module": nn.Tanh(), "tanh: method": torch.Tensor.tanh,
    "softplus: beta": lambda x: F.softplus(x, beta=2.5),
    "softplus: threshold": lambda x: F.softplus(4 * x, 1.5, 2.0),
    "softplus: module": nn.Softplus(beta=0.5, threshold=0.5),
    "elu: alpha": lambda x: F.elu(x, 1.7), "elu: module": writing(nn.ELU(0.3, inplace=True)),
    "celu: alpha": lambda x: F.celu(x, alpha=0.3), "celu: module": nn.CELU(1.7),
    "celu: in place": writing(nn.CELU(0.6, inplace=True)), "celu: celu_": lambda x: F.celu_(x + 1),
    "gelu: tanh": lambda x: F.gelu(x, approximate="tanh"), "gelu: module": nn.GELU("tanh"),
    "leaky_relu: slope": lambda x: F.leaky_relu(x, negative_slope=-0.2),
    "leaky_relu: module": writing(nn.LeakyReLU(0.3, inplace=True)),
    "hardtanh: bounds": lambda x: F.hardtanh(x, min_val=-0.3, max_val=0.6),
    "hardtanh: module": nn.Hardtanh(-2.0, 0.1), "clamp": lambda x: torch.clamp(x, -0.45, 0.75),
    "clamp: below": lambda x: x.clamp(min=0.1), "clamp: above": lambda x: torch.clip(x, max=0.3),
    "relu: in place": lambda x: F.relu(x * 2, inplace=True),
    "relu: relu_": lambda x: (x * 2).relu_() + x, "relu: module": writing(nn.ReLU(inplace=True)),
    "silu: module": writing(nn.SiLU(inplace=True)), "tanh: in place": lambda x: x.mul(3).tanh_(),
    "sigmoid: in place": lambda x: torch.sigmoid_(x + 1), "exp: in place": lambda x: (x + 1).exp_(),
    "tan": torch.tan, "atan": torch.atan, "sinh": torch.sinh, "cosh": torch.cosh,
    "expm1": torch.expm1, "log1p": lambda x: torch.log1p(x * x),
    "logsigmoid": F.logsigmoid, "logsigmoid: far": lambda x: F.logsigmoid(25 * x) * 1e-2,
    "threshold": lambda x: F.threshold(x, 0.1, 3.0), "threshold: module": nn.Threshold(-0.2, 1.0),
    "softshrink": lambda x: F.softshrink(x, 0.2),
    "hardshrink": lambda x: F.hardshrink(x, 0.2),
    "clamp_min": lambda x: x.clamp_min(0.1), "clamp_max": lambda x: torch.clamp_max(x, 0.3),
    "clamp: tensor": lambda x: x.clamp(min=torch.tensor([0.1, -0.2, 0.3]).double()),
    "sign": lambda x: torch.sign(x) * x, "floor": lambda x: x - torch.floor(x),
    "ceil": lambda x: x.ceil() * x,
    "round": lambda x: (x + 0.2).round() * x,
    "trunc": lambda x: x.trunc() * x,
    "log": lambda x: torch.log(x.exp() + 1), "sqrt": lambda x: torch.sqrt(x.exp()),
    "rsqrt": lambda x: torch.rsqrt(x.exp()), "reciprocal": lambda x: torch.reciprocal(x.exp() + 1),
    "sqrt: in place": lambda x: (x * x + 1).sqrt_(),
    "pow": lambda x: (x * x + 1) ** 1.7, "pow: cube": lambda x: x**3, "pow: square": lambda x: x**2,
    "pow: one": lambda x: x.pow(1), "pow: zero": lambda x: x**0 + x,
    "pow: fourth": lambda x: torch.pow(x, 4), "pow: inverse": lambda x: (x * x + 1) ** -1,
    "pow: in place": lambda x: (x + 1).pow_(3),
}  # fmt: skip
OPERATIONS = {name: (function, SHAPE) for name, function in SIMPLE.items()} | {
    "tanh: of a scalar": (torch.tanh, ()),
    "exp: reached in part": (lambda x, y: torch.cat([x, y]).exp(), (2,), (3,)),
}


def test_every_rule_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(elementwise.RULES)


class TestOperations(Ruled):
    """Held to what all are."""


def one(*shape):
    return torch.ones(*shape, dtype=torch.float64)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.clamp(-1, 1), lambda x: x.clamp(min=1), lambda x: torch.clamp_max(x, 1),
        lambda x: x.clamp(1, 1), lambda x: x.clamp(2, 1), lambda x: x.clamp(min=one(3)),
        lambda x: x.clamp(one(1), one(1)), lambda x: x.clamp(-one(3), 2 * one(3)), F.relu6,
        F.hardtanh, F.relu, torch.abs,
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", [-1.0, 0.0, 1.0, 2.0, 6.0])
def test_at_a_corner_the_slope_is_torchs(function, at):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.x = nn.Parameter(at * one(3))

        def forward(self, _):
            return function(self.x)

    model, data, u = Model(), (one(3), -one(3)), {"x": one(3)}
    s = summarise(model, nn.MSELoss(), data, partition(model), u, method="jets")
    nn.MSELoss()(model(None), data[1]).backward()
    assert s.g.item() == pytest.approx(model.x.grad.sum().item(), rel=1e-15)
