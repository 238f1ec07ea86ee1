"""Samples in blocks: the same sums, in the memory of a few samples."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import gnlab
from benchmarks.summaries.encoder import Encoder
from gnlab.partitions import partition
from gnlab.summaries import forward, summarise
from gnlab.summaries.forward import Way
from gnlab.summaries.samples import blocks

DOUBLE = torch.float64


class Shared(nn.Module):
    """What is made of parameters early is taken late, by samples and by the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.raw, self.inner = nn.Parameter(torch.randn(3, 3)), nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3, momentum=None)

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.exp(self.raw)
        y = torch.tanh(F.linear(self.inner(x), weight))
        y = self.norm(y * weight.sum()) + y
        return torch.cat([y, y.sin()], 1) * (weight * weight).sum()


MODELS = {
    "shared": lambda: (Shared(), (7, 3)),
    "encoder": lambda: (Encoder(8, 2, 1, 8), (7, 3, 8, 8)),
    "convolutions": lambda: (
        nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.GELU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2), nn.Tanh(),
            nn.Flatten(), nn.Linear(16, 5), nn.Softplus(), nn.Linear(5, 3),
        ),
        (7, 3, 8, 8),
    ),
}  # fmt: skip


@pytest.fixture(params=MODELS)
def asked(request):
    """What is asked of ``summarise``, in double precision."""
    torch.manual_seed(0)
    model, shape = MODELS[request.param]()
    batch = torch.randn(shape, dtype=DOUBLE), torch.randint(3, shape[:1])
    return model.double(), nn.CrossEntropyLoss(), batch


@pytest.mark.parametrize("level", ["tensor", "unit", "all"])
@pytest.mark.parametrize("most", [1, 3000, 20_000])
def test_blocks_give_the_definition(asked, level, most, monkeypatch):
    split = partition(asked[0], level)
    plain = summarise(*asked, split, method="autodiff")
    monkeypatch.setattr(blocks, "MOST", most)
    fast = summarise(*asked, split, method="jets", parts=True, ggn=True)
    for name in ("loss", "g", "H", "third"):
        found, known = getattr(fast, name), getattr(plain, name)
        assert (found - known).abs().max() <= 1e-10 * known.abs().max(), name
    monkeypatch.undo()
    whole = summarise(*asked, split, method="jets", parts=True, ggn=True)
    for one, two in zip(fast.parts, whole.parts, strict=True):
        assert (one.module, one.operation) == (two.module, two.operation)
        assert (one.H - two.H).abs().max() <= 1e-12 * whole.H.abs().max()
    assert (fast.ggn - whole.ggn).abs().max() <= 1e-12 * whole.H.abs().max()


def test_no_jet_is_larger_than_the_room(monkeypatch):
    """Within a stretch, unless a single sample's is."""
    model = nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh()).double()
    batch = torch.randn(50, 6, dtype=DOUBLE), torch.randn(50, 20, dtype=DOUBLE)
    sizes, own = [], forward._go_through

    def watched(call, curvature):
        own(call, curvature)
        jets = [o.carried.values.nbytes for o in call.results if o.carried is not None]
        sizes.extend(jets)

    found = []
    monkeypatch.setattr(forward, "_go_through", watched)
    for most in (1 << 30, 10_000):
        monkeypatch.setattr(blocks, "MOST", most)
        sizes.clear()
        summarise(model, nn.MSELoss(), batch, partition(model, "tensor"), method="jets")
        found.append(max(sizes[:-2]))  # before the loss's own
    assert found[0] > 50_000
    assert 5_000 < found[1] <= 10_000


def test_samples_are_divided_before_groups(monkeypatch):
    """With too little memory for all jets: one pass as long as fewer samples are enough."""
    torch.manual_seed(0)
    model = gnlab.problems.networks.lenet(seed=0)
    batch = torch.randn(20, 3, 32, 32), torch.randint(10, (20,))
    split = partition(model, "tensor")
    passes, own = [], Way._carry
    monkeypatch.setattr(
        Way, "_carry", lambda way, some, *rest: passes.append(some) or own(way, some, *rest)
    )
    whole = summarise(model, nn.CrossEntropyLoss(), batch, split, method="jets")
    passes.clear()
    for memory, single in ((2_000_000, True), (100_000, False)):
        little = summarise(model, nn.CrossEntropyLoss(), batch, split, method="jets", memory=memory)
        assert (len(passes) == 1) == single
        assert torch.allclose(little.H, whole.H, rtol=1e-4, atol=1e-5 * float(whole.H.abs().max()))
        passes.clear()
