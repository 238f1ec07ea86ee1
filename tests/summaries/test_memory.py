"""How many bytes of tensors the fast pass holds, counted where torch makes and lets go of them."""

import weakref

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.forward import Way

LOSS = nn.functional.cross_entropy
MIB = 2**20


class Counter(TorchDispatchMode):
    """Counts the bytes of the tensors that there are, and the most that there have been."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self._known = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = {t.untyped_storage()._cdata for t in tensors((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for tensor in tensors(result):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._known | given:
                self._known.add(storage._cdata)
                self.now += storage.nbytes()
                weakref.finalize(storage, self._let_go, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return result

    def _let_go(self, key, size):
        self._known.discard(key)
        self.now -= size


def tensors(given):
    return [leaf for leaf in tree_leaves(given) if isinstance(leaf, torch.Tensor)]


class Block(nn.Module):
    """A residual block of convolutions and batch norms."""

    def __init__(self, channels):
        super().__init__()
        self.one, self.two = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.norm, self.last = (nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x):
        return torch.relu(x + self.last(self.two(torch.relu(self.norm(self.one(x))))))


def encoder():
    layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)
    rows = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return nn.Sequential(nn.Linear(32, 32), rows, nn.Flatten(), nn.Linear(64 * 32, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84),
        nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def residual():
    pooled = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), Block(8), pooled, nn.Flatten(), nn.Linear(8, 10)
    )


# A network, one sample's shape, the samples, the partition, and a budget in MiB that is little.
CASES = {
    "encoder": (encoder, (64, 32), 32, "tensor", 40),
    "lenet": (lenet, (3, 32, 32), 100, "unit", 32),
    "batch norm": (residual, (3, 32, 32), 32, "tensor", 48),
}


@pytest.fixture(params=CASES)
def asked(request):
    build, shape, count, level, budget = CASES[request.param]
    torch.manual_seed(0)
    model = build()
    batch = torch.randn(count, *shape), torch.randint(10, (count,))
    direction = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    return (model, LOSS, batch, partition(model, level), direction), budget * MIB


def added_by_jets(monkeypatch, asked, memory):
    """The bytes beyond those of the values and the adjoints, and the summary."""
    counter, added, own = Counter(), [], Way.carry_by

    def carried(way, plan):
        before = counter.peak = counter.now
        found = own(way, plan)
        added.append(counter.peak - before)
        return found

    monkeypatch.setattr(Way, "carry_by", carried)
    with counter:
        found = summarise(*asked, method="jets", memory=memory)
    return max(added), found


def test_a_budget_holds_what_jets_take_and_what_rules_take_meanwhile(asked, monkeypatch):
    given, budget = asked
    usual, whole = added_by_jets(monkeypatch, given, 1e12)
    taken, little = added_by_jets(monkeypatch, given, budget)
    assert taken <= budget < usual
    assert torch.allclose(little.H, whole.H, rtol=1e-3, atol=1e-4 * float(whole.H.abs().max()))


def test_without_a_budget_no_more_than_half_as_much_again_as_the_plain_way(asked):
    given, _ = asked
    peaks = []
    for method in ("jets", "autodiff"):
        with Counter() as counter:
            summarise(*given, method=method)
        peaks.append(counter.peak)
    assert peaks[0] <= 1.5 * peaks[1]
