"""The fast pass asks no tensor for its numbers: on a GPU each such question would be a wait."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from gnlab.partitions import partition
from gnlab.summaries import compute, replay, summarise
from gnlab.summaries.replay.nested import leaves

ASKS = frozenset(
    {"_local_scalar_dense", "is_nonzero", "equal", "lift", "lift_fresh"}
    | {"masked_select", "nonzero", "_unique2"}
)
"""What hands numbers to Python, takes them from there, or makes as much as the numbers say."""


def perceptron():
    return nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)


def convolutions():
    first = nn.Conv2d(3, 4, 3), nn.Tanh(), nn.MaxPool2d(2)
    second = nn.Conv2d(4, 6, 3), nn.Tanh(), nn.AvgPool2d(2)
    return *first, *second, nn.Flatten(), nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 4)


def norms():
    first = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
    second = nn.Conv2d(4, 4, 3, groups=2), nn.GroupNorm(2, 4), nn.SiLU()
    return *first, *second, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4)


def encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
    return layer, nn.Flatten(), nn.Linear(24, 4)


class Slope(nn.Module):
    """The slope of a network by its inputs."""

    def __init__(self):
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 5), nn.Softplus())

    def forward(self, x):
        x = x.detach().clone().requires_grad_()
        energy = self.energy(x.reshape(len(x), 6)).square().sum()
        return torch.autograd.grad(energy, x, create_graph=True)[0]


def slopes():
    return Slope(), nn.Tanh(), nn.Linear(6, 4)


NETWORKS = {
    perceptron: (10, 6),
    slopes: (10, 6),
    convolutions: (5, 3, 10, 10),
    norms: (5, 3, 10, 10),
    encoder: (5, 3, 8),
}


class Questions(TorchDispatchMode):
    """Notes the operations that ask."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.removeprefix("aten::")
        chosen = leaves(args[1:]) if name.startswith("index") else ()
        masked = any(isinstance(t, Tensor) and t.dtype is torch.bool for t in chosen)
        if name in ASKS or masked:
            self.asked.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("options", [{}, {"parts": True}, {"ggn": True}], ids=["H", "parts", "ggn"])
@pytest.mark.parametrize("level", ["all", "tensor", "block:2", "unit", "row:2", "element"])
@pytest.mark.parametrize("layers", NETWORKS)
def test_no_number_is_asked_for(layers, level, options, monkeypatch):
    model, shape = nn.Sequential(*layers()), NETWORKS[layers]
    data = torch.randn(shape), torch.randint(4, shape[:1])
    sweep, asked = compute.sweep, []

    def watched(*args, **kwargs):
        with Questions() as questions:
            found = sweep(*args, **kwargs)
        asked.append(questions.asked)
        return found

    monkeypatch.setattr(compute, "sweep", watched)
    with replay.eager():
        for _ in range(2):
            summarise(model, nn.CrossEntropyLoss(), data, partition(model, level), **options)
    assert asked[1] == []  # at the first time row numbers are made, and kept


def test_a_question_is_noted():
    x = torch.tensor([1.0, 2.0])
    with Questions() as questions:
        x[x > 1].sum().item()
        torch.tensor([1.0])
    assert questions.asked == ["index", "_local_scalar_dense", "lift_fresh"]
