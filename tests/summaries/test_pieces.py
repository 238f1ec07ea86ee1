"""Groups that own pieces of units share a layer's products; few suspects are looked at alone."""

import itertools

import pytest
import torch
from torch import nn

import gnlab
from gnlab.partitions import partition
from gnlab.summaries import autodiff, forward, inert, replay, summarise
from gnlab.summaries.chunks import Plan
from gnlab.summaries.jets import curvature
from gnlab.summaries.jets.owned import Pieces
from gnlab.summaries.jets.ranks import union
from gnlab.summaries.samples.stretches import Room

DOUBLE = torch.float64


def away_from_zero(model):
    """A random direction without a zero, over two decades and of both signs."""
    return {
        n: torch.randn_like(p).sign() * 10 ** (2 * torch.rand_like(p) - 1)
        for n, p in model.named_parameters()
    }


class Twice(nn.Module):
    """A layer that is used twice, whose elements move what they meet again."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.layer(torch.tanh(self.layer(x)))))


PIECES = {
    "perceptron": lambda: (nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)), (7, 4)),
    "sequences": lambda: (
        nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 4), nn.Flatten(), nn.Linear(8, 3)),
        (5, 2, 3),
    ),
    "convolution": lambda: (
        nn.Sequential(
            nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Tanh(),
            nn.Conv2d(2, 2, 2, groups=2), nn.ELU(), nn.Conv2d(2, 2, 3, padding="same"),
            nn.Flatten(), nn.Linear(8, 3),
        ),
        (3, 1, 5, 5),
    ),
    "twice": lambda: (Twice(), (6, 4)),
    "in one dimension": lambda: (
        nn.Sequential(nn.Conv1d(1, 3, 3, bias=False), nn.SiLU(), nn.Flatten(), nn.Linear(12, 3)),
        (4, 1, 6),
    ),
}  # fmt: skip


@pytest.mark.parametrize("level", ["row:2", "element"])
@pytest.mark.parametrize("chunked", [False, True], ids=["at once", "in chunks"])
@pytest.mark.parametrize("name", PIECES)
def test_pieces_of_units_give_the_definition(name, chunked, level, monkeypatch):
    model, shape = PIECES[name]()
    model = model.double()
    batch = torch.randn(shape, dtype=DOUBLE), torch.randint(3, shape[:1])
    u = away_from_zero(model)
    split = partition(model, level)
    loss_fn = nn.CrossEntropyLoss()
    if chunked:
        ranks = tuple(range(split.num_groups))
        thirds = [ranks[i::3] for i in range(3)]
        pairs = [union(*pair) for pair in itertools.combinations(thirds, 2)]
        monkeypatch.setattr(forward, "plan", lambda *_: Plan(pairs, Room(1)))
    fast = summarise(model, loss_fn, batch, split, u, method="jets")
    plain = summarise(model, loss_fn, batch, split, u, method="autodiff")
    for found, known in ((fast.g, plain.g), (fast.H, plain.H), (fast.third, plain.third)):
        assert (found - known).abs().max() <= 1e-10 * known.abs().max()


def test_half_of_a_symmetric_product_is_enough(monkeypatch):
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    batch = torch.randn(5, 4, dtype=DOUBLE), torch.randint(3, (5,))
    split, u = partition(model, "element"), away_from_zero(model)
    found = []
    for large in (1024, 20):
        monkeypatch.setattr(curvature, "_LARGE", large)
        found.append(summarise(model, nn.CrossEntropyLoss(), batch, split, u, method="jets").H)
    assert torch.allclose(*found, rtol=1e-13, atol=1e-15)
    assert torch.equal(found[1], found[1].T)


def test_layers_write_no_direction_out_for_each_element(monkeypatch):
    """With S copies of the direction, memory would grow as the square of a layer's elements."""
    monkeypatch.setattr(Pieces, "values", property(lambda _: pytest.fail("written out")))
    model = nn.Sequential(
        nn.Conv2d(1, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 3)
    )
    batch = torch.randn(5, 1, 3, 3), torch.randint(3, (5,))
    split = partition(model, "element")
    summarise(model, nn.CrossEntropyLoss(), batch, split, method="jets")


def test_a_summary_by_elements_is_repeated_with_other_numbers_and_other_pieces():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    loss_fn = nn.CrossEntropyLoss()
    batch = torch.randn(5, 3, dtype=DOUBLE), torch.randint(3, (5,))
    split = partition(model, "element")
    turned = {n: owner.flip(0) for n, owner in split.groups.items()}
    other = gnlab.Partition("turned", split.names, split.shapes, turned, split.roles)
    replay.forget()
    for i in range(24):
        u, one = away_from_zero(model), (split, other)[i % 2]
        fast = summarise(model, loss_fn, batch, one, u, method="jets")
        with replay.eager():
            again = summarise(model, loss_fn, batch, one, u, method="jets")
        assert torch.allclose(fast.H, again.H, rtol=1e-12, atol=1e-14)
        assert torch.allclose(fast.third, again.third, rtol=1e-12, atol=1e-14)
    assert replay.kept() > 0


def test_few_suspects_are_looked_at_by_the_definition(monkeypatch):
    """To sweep over all groups again for a few of many would cost the summary twice."""
    swept = []
    sweep = inert.sweep
    monkeypatch.setattr(inert, "sweep", lambda *a, **k: swept.append(1) or sweep(*a, **k))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 40))
    batch = torch.randn(50, 6), torch.randint(40, (50,))
    split = partition(model, "element")
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    summary = summarise(model, nn.CrossEntropyLoss(), batch, split, u)
    assert set(split.groups["0.bias"].tolist()) == set(summary.inert.nonzero()[:, 0].tolist())
    assert not swept


def test_groups_that_cut_through_units_are_no_pieces():
    model = nn.Linear(3, 4)
    split = partition(model, "element")
    assert autodiff.groups_of(split, torch.device("cpu")).pieces == {"weight"}
    columns = {"weight": torch.arange(3).expand(4, 3).contiguous(), "bias": torch.tensor(0)}
    other = gnlab.Partition("columns", ("0", "1", "2"), split.shapes, columns, ("mixed",) * 3)
    assert autodiff.groups_of(other, torch.device("cpu")).pieces == set()
