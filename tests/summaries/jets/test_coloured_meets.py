"""Rows that groups share where they meet blocks of samples, layers made by layers, odd shapes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.samples import blocks

DOUBLE = torch.float64


class Model(nn.Module):
    """Two layers, and what is done between them."""

    def __init__(self, forward, a, b):
        super().__init__()
        self.a, self.b, self.work = a, b, forward

    def forward(self, x):
        return self.work(self.a, self.b, x)


class Biased(nn.Module):
    """A bias with a dimension of size one, which the loss may take too."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(1, 4))

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


def centred(a, b, x):
    h = a(x).tanh()
    return b(h - h.mean(0))


def weighted(a, b, x):
    h = a(x).tanh()
    return b(h * torch.softmax(h, 0))


CASES = {
    "less its mean over samples": lambda: (
        Model(centred, nn.Linear(4, 6), nn.Linear(6, 3)), (5, 3, 4), (5, 3, 3)
    ),
    "weighted over samples": lambda: (
        Model(weighted, nn.Linear(4, 6), nn.Linear(6, 3)), (5, 4), (5, 3)
    ),
    "a weight that a layer made": lambda: (
        Model(lambda a, b, x: F.linear(b(x), a(x[:2]).tanh()), nn.Linear(5, 4), nn.Linear(5, 4)),
        (6, 5), (6, 2),
    ),
    "a weight right from a layer": lambda: (
        Model(lambda a, b, x: F.linear(x, a(x[:3])), nn.Linear(4, 4), nn.Linear(2, 2)),
        (6, 4), (6, 3),
    ),
    "a bias that a layer made": lambda: (
        Model(lambda a, b, x: F.linear(x, b.weight, a(x[0]).tanh()), nn.Linear(5, 4),
              nn.Linear(5, 4)),
        (6, 5), (6, 4),
    ),
    "kernels that a layer made": lambda: (
        Model(lambda a, b, x: F.conv1d(b(x).tanh(), a(x[0, 0]).reshape(2, 3, 2)), nn.Linear(6, 12),
              nn.Conv1d(2, 3, 2)),
        (4, 2, 6), (4, 2, 4),
    ),
    "times itself": lambda: (
        Model(lambda a, b, x: F.linear(a(x).tanh(), b(x).tanh()), nn.Linear(4, 5), nn.Linear(4, 5)),
        (6, 4), (6, 6),
    ),
    "channels folded into the samples": lambda: (
        Model(lambda a, b, x: b(a(x).tanh().flatten(0, 1).tanh()), nn.Conv1d(2, 4, 2),
              nn.Linear(5, 3)),
        (3, 2, 6), (12, 3),
    ),
    "reshaped by hand": lambda: (
        Model(lambda a, b, x: b(a(x).tanh().reshape(len(x), 4, 5).reshape(len(x), 20).sin()),
              nn.Conv1d(2, 4, 2), nn.Linear(20, 3)),
        (3, 2, 6), (3, 3),
    ),
    "one sample": lambda: (
        Model(lambda a, b, x: b(a(x).tanh().flatten(0, 1).tanh()), nn.Conv1d(2, 4, 2),
              nn.Linear(5, 3)),
        (1, 2, 6), (4, 3),
    ),
    "a bias of two dimensions": lambda: (Biased(), (6, 3), (6, 4)),
}  # fmt: skip


@pytest.mark.parametrize("level", ["neuron", "unit", "block:2", "row:2", "element"])
@pytest.mark.parametrize("most", [blocks.MOST, 1, 200, 2000])
@pytest.mark.parametrize("name", CASES)
def test_the_definition_is_given(name, most, level, monkeypatch):
    torch.manual_seed(0)
    model, inputs, outputs = CASES[name]()
    model = model.double()
    monkeypatch.setattr(blocks, "MOST", most)
    batch = torch.randn(inputs, dtype=DOUBLE), torch.randn(outputs, dtype=DOUBLE)
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    split = partition(model, level)
    fast, plain = (
        summarise(model, nn.MSELoss(), batch, split, u, method=method)
        for method in ("jets", "autodiff")
    )
    for what in ("g", "H", "third"):
        found, known = getattr(fast, what), getattr(plain, what)
        assert (found - known).abs().max() <= 1e-10 * known.abs().max(), what
    assert torch.equal(fast.inert, plain.inert)


@pytest.mark.parametrize("level", ["neuron", "unit", "element"])
def test_a_bias_of_two_dimensions_that_the_loss_takes_too(level):
    torch.manual_seed(0)
    model = Biased().double()
    batch = torch.randn(6, 3, dtype=DOUBLE), torch.randint(4, (6,))

    def decayed(output, y):
        return F.cross_entropy(output, y) + 0.1 * model.bias.square().sum()

    fast, plain = (
        summarise(model, decayed, batch, partition(model, level), method=method)
        for method in ("jets", "autodiff")
    )
    for what in ("g", "H", "third"):
        found, known = getattr(fast, what), getattr(plain, what)
        assert (found - known).abs().max() <= 1e-10 * known.abs().max(), what
