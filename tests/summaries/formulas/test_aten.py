"""Models that torch.export and torch.fx have made take the fast pass as their originals do."""

import warnings

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64


class Reader(nn.Module):
    """Attention between the words of a sentence."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 4, padding_idx=0)
        self.layer = nn.TransformerEncoderLayer(4, 2, 5, dropout=0.0, batch_first=True)
        self.last = nn.Linear(4, 2)

    def forward(self, tokens):
        return self.last(self.layer(self.table(tokens)).mean(1))


class Recurrent(nn.Module):
    """The last state but for two entries that are written anew."""

    def __init__(self, kind):
        super().__init__()
        self.layer, self.last = kind(2, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x):
        states, kept = self.layer(x)[0], torch.zeros(len(x), 3, dtype=x.dtype)
        kept[:, [2, 0]] = states[:, -1, 1:].tanh()
        return self.last(kept + states.flip(1)[:, 0] * 0.5)


def images():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(2, 2, 2), nn.ELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.0),
        nn.Linear(2, 2),
    )  # fmt: skip


MODELS = {
    "perceptron": (
        lambda: nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 2)), torch.randn(5, 2),
    ),
    "images": (images, torch.randn(3, 1, 6, 6)),
    "reader": (Reader, torch.tensor([[1, 2, 0], [3, 4, 1]])),
    "lstm": (lambda: Recurrent(nn.LSTM), torch.randn(3, 4, 2)),
    "gru": (lambda: Recurrent(nn.GRU), torch.randn(3, 4, 2)),
}  # fmt: skip


@pytest.fixture
def three():
    """Makes a model and summarises it, and what another makes of it by both ways."""

    def make(name, change, level):
        torch.manual_seed(0)
        kind, x = MODELS[name]
        x = x.double() if x.is_floating_point() else x
        model = kind().double()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own, about its own
            changed = change(model, x)
        data = x, torch.randn(len(x), 2, dtype=DOUBLE)
        u = {n: torch.randn_like(p) for n, p in model.named_parameters()}

        def summary(model, method):
            own = {n: u[n] for n, _ in model.named_parameters()}
            p = partition(model, level)
            return summarise(model, nn.MSELoss(), data, p, own, method=method)

        return summary(model, "autodiff"), summary(changed, "auto"), summary(changed, "autodiff")

    return make


def exported(model, x):
    return torch.export.export(model, (x,)).module()


def traced(model, _):
    return torch.fx.symbolic_trace(model)


@pytest.mark.parametrize("level", ["all", "tensor", "element"])
@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model(name, level, three):
    check(*three(name, exported, level))


@pytest.mark.parametrize("name", ["perceptron", "images", "reader"])
def test_a_traced_model(name, three):
    check(*three(name, traced, "tensor"))


def check(original, fast, plain):
    """The original's groups may be in another order."""
    assert fast.method == "jets"
    for one, two, known in (
        (fast.g, plain.g, original.g),
        (fast.H, plain.H, original.H),
        (fast.third, plain.third, original.third),
    ):
        scale = two.abs().max()
        assert (one - two).abs().max() <= 1e-11 * scale
        assert (one.sum() - known.sum()).abs() <= 1e-11 * scale
