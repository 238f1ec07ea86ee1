"""Gradients that are taken within a function, once and twice, of every way back."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.rules import elementwise
from gnlab.summaries.rules.backwards import BACKWARDS
from gnlab.summaries.rules.slopes import SLOPES

S, Q = (3, 4), (2, 2, 5)
DOUBLE = torch.float64
LABELS = torch.tensor([1, 3, 0])
SOFT = torch.tensor([[0.1, 0.2, 0.3, 0.4]] * 3, dtype=DOUBLE)
FIXED = torch.linspace(-1, 2, 12, dtype=DOUBLE).reshape(S)

POSITIVE = ("log", "log1p", "sqrt", "rsqrt", "reciprocal")
NAMED = {name: getattr(F, name) for name in (
    "silu", "gelu", "elu", "celu", "selu", "softplus", "logsigmoid", "leaky_relu", "hardtanh",
    "softshrink", "hardshrink",
)}  # fmt: skip
MORE = {"clamp": {"min": -0.3}, "clamp_min": {"min": -0.3}, "clamp_max": {"max": 0.4},
        "threshold": {"threshold": 0.2, "value": -1.0}}  # fmt: skip


def of(name):
    """An elementwise function of x, which may have to be positive."""
    function = NAMED.get(name) or getattr(torch, name)
    shift = 3.0 if name in POSITIVE else 0.0
    return lambda x: function(x + shift, **MORE.get(name, {}))


STRAIGHT = [name for name in elementwise.RULES if name in elementwise.STRAIGHT]
OPERATIONS = {
    **{name: (of(name), S) for name in [*SLOPES, *STRAIGHT]},
    "gelu: tanh": (lambda x: F.gelu(x, approximate="tanh"), S),
    "celu: alpha": (lambda x: F.celu(x, 0.7), S),
    "elu: alpha": (lambda x: F.elu(x, 0.7), S),
    "softplus: beta": (lambda x: F.softplus(x, 2.0, 1.0), S),
    "pow": (lambda x: (x + 3) ** 2.5, S),
    "pow: square": (lambda x: x**2, S),
    "pow: one": (lambda x: x**1 * x, S),
    "pow: none": (lambda x: x**0 * x, S),
    "add": (lambda x: torch.add(x, x[0], alpha=3), S),
    "add: number": (lambda x: 2 + x, S),
    "sub": (lambda x: x[:, :1] - x * 2, S),
    "sub: alpha": (lambda x: torch.sub(FIXED, x, alpha=0.5), S),
    "mul": (lambda x: x * x[:, 1:2], S),
    "mul: twice": (lambda x: x * x, S),
    "mul: constant": (lambda x: FIXED * x, S),
    "div": (lambda x: x / (x[1] + 4), S),
    "div: number": (lambda x: x / 3, S),
    "div: below": (lambda x: 2 / (x + 4), S),
    "matmul": (lambda x: x @ x.T, S),
    "matmul: constant": (lambda x: FIXED.T @ x, S),
    "matmul: right": (lambda x: x @ FIXED.T, S),
    "matmul: stacks": (lambda x: x @ x.mT, Q),
    "matmul: a stack": (lambda x: x @ FIXED[:2, :2], (3, 2, 2)),
    "linear": (lambda x: F.linear(x, FIXED, FIXED[:, 0]), S),
    "linear: weight": (lambda x: F.linear(FIXED, x, x[:, 0]), S),
    "linear: of more": (lambda x: F.linear(x, FIXED[:, :1].expand(3, 5)), Q),
    "conv1d": (lambda x: F.conv1d(x, FIXED[:2].reshape(2, 2, 2), FIXED[0, :2], 2, 1), Q),
    "conv1d: groups": (lambda x: F.conv1d(x, FIXED[:2, None], None, 1, 3, 2, 2), Q),
    "conv1d: bias": (lambda x: F.conv1d(FIXED[None], FIXED.reshape(2, 3, 2), x[0, 0, :2]), Q),
    "conv2d": (lambda x: F.conv2d(x[:, None], FIXED.reshape(3, 1, 2, 2), padding=1), Q),
    "conv3d": (lambda x: F.conv3d(x[None, None], FIXED.reshape(1, 1, 1, 3, 4), None, 2, 2), Q),
    "conv_transpose1d": (lambda x: F.conv_transpose1d(x, FIXED[:2, None], None, 2, 1, 1), Q),
    "conv_transpose1d: groups": (lambda x: F.conv_transpose1d(x, FIXED[:2, None], groups=2), Q),
    "conv_transpose1d: bias": (
        lambda x: F.conv_transpose1d(FIXED[None], FIXED.reshape(3, 2, 2), x[0, 0, :2]), Q,
    ),
    "conv_transpose2d": (
        lambda x: F.conv_transpose2d(x[:, None], FIXED.reshape(1, 3, 2, 2), padding=1, dilation=2),
        Q,
    ),
    "conv_transpose3d": (
        lambda x: F.conv_transpose3d(x[None, None], FIXED.reshape(1, 1, 1, 3, 4)), Q,
    ),
    "log_softmax": (lambda x: F.log_softmax(x, 1), S),
    "softmax": (lambda x: torch.softmax(x, 0), S),
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.2), S),
    "cross_entropy: each": (
        lambda x: F.cross_entropy(x, LABELS, FIXED[1] ** 2, reduction="none"), S,
    ),
    "cross_entropy: soft": (lambda x: F.cross_entropy(x, SOFT), S),
    "standardised": (lambda x: F.layer_norm(x, (4,)), S),
    "standardised: batch": (lambda x: F.batch_norm(x, None, None, training=True), Q),
    "standardised: groups": (lambda x: F.group_norm(x, 1, FIXED[0, :2], FIXED[1, :2]), Q),
}  # fmt: skip
LINEAR = {
    "sum": (lambda x: x.sum(1), S),
    "mean": (lambda x: x.mean((0, 2), keepdim=True), Q),
    "shapes": (lambda x: x.reshape(4, 3).T.unsqueeze(0).expand(2, 3, 4).flatten(), S),
    "same": (lambda x: x.contiguous().reshape(S), S),
    "taken": (lambda x: x[1:, [0, 2]], S),
    "masked": (lambda x: x[FIXED > 0], S),
    "gather": (lambda x: x.gather(1, LABELS[:, None]), S),
    "split": (lambda x: [a * k for k, a in enumerate(x.split([1, 3], 1))][1], S),
    "chunk": (lambda x: torch.mul(*x.chunk(2, 1)), S),
    "unbind": (lambda x: x.unbind(0)[0] * x.unbind(0)[2], S),
    "cat": (lambda x: torch.cat([x, FIXED, x * 2], 1), S),
    "stack": (lambda x: torch.stack([x, x.exp()], 1), S),
    "where": (lambda x: torch.where(FIXED > 0, x, 3 * x.flip(0)), S),
    "masked_fill": (lambda x: x.masked_fill(FIXED > 0, 2.0), S),
    "pad": (lambda x: F.pad(x, (1, 2), value=0.5), S),
    "pooled": (lambda x: F.avg_pool1d(x, 2), Q),
    "greatest": (lambda x: F.max_pool1d(x, 2), Q),
    "extreme": (lambda x: x.amax(1), S),
    "cumsum": (lambda x: x.cumsum(0), S),
    "to": (lambda x: x.to(DOUBLE), S),
    "neg": (lambda x: -x, S),
    "assigned": (lambda x: FIXED.clone().index_put((LABELS % 3,), x), S),
}


class Within(nn.Module):
    """Hands on gradients, of order one or two, of a function of what its parameters make."""

    def __init__(self, function, shape, order):
        super().__init__()
        self.function, self.order = function, order
        self.x = nn.Parameter(torch.randn(shape, dtype=DOUBLE))
        self.bend = nn.Parameter(torch.tensor(0.8, dtype=DOUBLE))

    def forward(self, _):
        at = (self.x * self.bend).sin() * 0.9
        found = self.function(at)
        for k in range(self.order):
            weights = torch.linspace(0.5, 1.5, found.numel(), dtype=DOUBLE).reshape(found.shape)
            sum_ = (found * (k + 1 + found) * weights).sum() + (at**3).sum()
            [found] = torch.autograd.grad(sum_, at, create_graph=True)
        return found


@pytest.fixture
def held():
    """Holds both ways against each other, and a repetition."""

    def hold(function, shape, order):
        torch.manual_seed(0)
        model = Within(function, shape, order)
        u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
        batch = torch.zeros(1, dtype=DOUBLE), torch.zeros(1, dtype=DOUBLE)
        given = model, lambda found, _: found.sin().sum(), batch, partition(model, "tensor"), u
        known = summarise(*given, method="autodiff")
        for _ in range(4):  # the last of which are repetitions
            fast = summarise(*given, method="jets")
            for name in ("g", "H", "third"):
                one, two = getattr(fast, name), getattr(known, name)
                torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9 * float(two.abs().max()))

    return hold


def test_every_way_back_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(BACKWARDS)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", [*OPERATIONS, *LINEAR])
def test_gradients_within_a_model(held, name, order):
    held(*(OPERATIONS | LINEAR)[name], order)


@pytest.mark.parametrize("name", ["tanh", "linear", "chunk", "pad", "matmul", "standardised"])
def test_third_derivatives_within_a_model(held, name):
    held(*(OPERATIONS | LINEAR)[name], 3)


WITHOUT = {
    "special_erfcx": torch.special.erfcx,
    "embedding": lambda x: F.embedding(LABELS % 3, x),
    "pow": lambda x: (x + 3) ** torch.tensor(2.0, dtype=DOUBLE),
    "matmul of a vector": lambda x: x @ x[0],
    "conv1d by its weights": lambda x: F.conv1d(FIXED[None], x[None, :, :2]),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_what_has_no_way_back_is_named(held, name):
    with pytest.raises(ValueError, match=name):
        held(WITHOUT[name], S, 1)
