"""The predicted cost of a level against the multiplications that a summary carries out."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import gnlab
from gnlab.partitions.products import taken_apart
from gnlab.problems import networks

CHAINS = ("tanh", "tanh and squares", "relu", "convolutions", "bent convolutions")
"""Cases that are told to a quarter; the others to a factor of two."""


class Counted(TorchDispatchMode):
    """A context that counts the multiply-accumulates of products."""

    def __init__(self):
        super().__init__()
        self.work = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        count = flop_registry.get(func.overloadpacket)
        if count is None:
            made = func.decompose(*args, **kwargs) if self.is_composed_of_others(func) else None
            if made is not None:
                return made
        result = func(*args, **kwargs)
        if count is not None:
            self.work += count(*args, **kwargs, out_val=result) / 2
        return result

    @staticmethod
    def is_composed_of_others(func):
        key = "CompositeImplicitAutograd"
        return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)


def counted(work):
    with Counted() as found:
        made = work()
    return found.work, made


class Last(nn.Module):
    """The last step of a recurrent layer."""

    def forward(self, found):
        return found[0][:, -1]


def mse(output, y):
    return nn.functional.mse_loss(output, nn.functional.one_hot(y, output.shape[1]).to(output))


def convolutional(*activations):
    return nn.Sequential(
        nn.Conv2d(2, 8, 3), activations[0], nn.MaxPool2d(2), nn.Conv2d(8, 12, 3), activations[1],
        nn.Flatten(), nn.Linear(48, 16), activations[2], nn.Linear(16, 4),
    )  # fmt: skip


CASES = {
    "tanh": (
        lambda: networks.perceptron((16, 20, 12, 4), "tanh", seed=0),
        lambda: torch.randn(50, 16), nn.functional.cross_entropy,
    ),
    "tanh and squares": (
        lambda: networks.perceptron((16, 20, 12, 4), "tanh", seed=0),
        lambda: torch.randn(50, 16), mse,
    ),
    "relu": (
        lambda: nn.Sequential(
            nn.Linear(16, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 4)
        ),
        lambda: torch.randn(50, 16), nn.functional.cross_entropy,
    ),
    "convolutions": (
        lambda: convolutional(*[nn.ReLU() for _ in range(3)]),
        lambda: torch.randn(6, 2, 10, 10), nn.functional.cross_entropy,
    ),
    "bent convolutions": (
        lambda: convolutional(*[nn.GELU() for _ in range(3)]),
        lambda: torch.randn(6, 2, 10, 10), nn.functional.cross_entropy,
    ),
    "batch norm": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
            nn.Conv2d(6, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
        ),
        lambda: torch.randn(8, 2, 10, 10), nn.functional.cross_entropy,
    ),
    "transposed": (
        lambda: nn.Sequential(
            nn.ConvTranspose2d(2, 6, 3), nn.Tanh(), nn.ConvTranspose2d(6, 4, 3), nn.Tanh(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        ),
        lambda: torch.randn(6, 2, 5, 5), nn.functional.cross_entropy,
    ),
    "recurrent": (
        lambda: nn.Sequential(nn.LSTM(3, 8, batch_first=True), Last(), nn.Linear(8, 4)),
        lambda: torch.randn(6, 5, 3), nn.functional.cross_entropy,
    ),
    "attention": (
        lambda: nn.Sequential(
            nn.Embedding(9, 8),
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
            nn.Flatten(), nn.Linear(40, 4),
        ),
        lambda: torch.randint(9, (6, 5)), nn.functional.cross_entropy,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_predicted_cost_is_that_of_what_a_summary_multiplies(case):
    torch.manual_seed(0)
    build, inputs, loss_fn = CASES[case]
    factor = 1.25 if case in CHAINS else 2
    model, x = build(), inputs()
    batch = x, torch.randint(4, (len(x),))
    named = dict(model.named_parameters())

    def gradient():
        loss = loss_fn(model(batch[0]), batch[1])
        return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))

    with taken_apart():
        one, u = counted(gradient)
    for rung in gnlab.ladder(model, x):
        split = gnlab.partition(model, rung.level)
        work, summary = counted(
            lambda split=split: gnlab.summarise(model, loss_fn, batch, split, u)
        )
        assert summary.method == "jets"
        assert work / one / factor < rung.cost < work / one * factor, rung.level
