"""Rows that groups share by colour give what rows of each group do."""

import pytest
import torch
from torch import nn

import gnlab
from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.jets.coloured import Coloured
from gnlab.summaries.jets.colours import by_pieces, by_units
from gnlab.summaries.jets.jet import Jet
from gnlab.summaries.rules.layer import Layer

DOUBLE = torch.float64


class Residual(nn.Module):
    """Units that go on as they are beside what is made of them."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(5, 5), nn.Linear(5, 5)

    def forward(self, x):
        y = torch.tanh(self.inner(x))
        return y + self.outer(torch.sigmoid(y))


NETWORKS = {
    "perceptron": lambda: (
        nn.Sequential(
            nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 5), nn.GELU(),
            nn.Linear(5, 3),
        ),
        (6, 4),
    ),
    "two activations": lambda: (
        nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Softplus(), nn.Linear(6, 3), nn.SiLU()),
        (6, 4),
    ),
    "sequences": lambda: (
        nn.Sequential(nn.Linear(3, 6), nn.ELU(), nn.Linear(6, 4), nn.Tanh(), nn.Flatten(),
                      nn.Linear(20, 3)),
        (4, 5, 3),
    ),
    "pooled": lambda: (
        nn.Sequential(nn.Conv2d(2, 6, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(6, 5, 2), nn.SELU(),
                      nn.AvgPool2d(2, 1), nn.Flatten(), nn.Linear(20, 4), nn.Tanh(),
                      nn.Linear(4, 3)),
        (4, 2, 11, 11),
    ),
    "in groups": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 2), nn.Tanh(), nn.Conv2d(4, 6, 2, groups=2), nn.Tanh(),
                      nn.Flatten(), nn.Linear(24, 3)),
        (4, 2, 4, 4),
    ),
    "transposed": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 2), nn.Tanh(), nn.ConvTranspose2d(4, 4, 2), nn.Tanh(),
                      nn.Conv2d(4, 2, 3, padding="same"), nn.Flatten(), nn.Linear(32, 3)),
        (4, 2, 4, 4),
    ),
    "normalised": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 2), nn.BatchNorm2d(4), nn.Tanh(), nn.Dropout(0.3),
                      nn.Flatten(), nn.Linear(36, 5), nn.LayerNorm(5), nn.Linear(5, 3)),
        (4, 2, 4, 4),
    ),
    "residual": lambda: (nn.Sequential(Residual(), nn.Linear(5, 3)), (6, 5)),
    "one sample": lambda: (nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)), (1, 4)),
}  # fmt: skip


def problem(name):
    torch.manual_seed(0)
    model, shape = NETWORKS[name]()
    model = model.double()
    batch = torch.randn(shape, dtype=DOUBLE), torch.randint(3, shape[:1])
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    return model, nn.functional.cross_entropy, batch, u


def of_units(model, owner_of, level="neuron"):
    """Own groups of units: ``owner_of(parameter's place, units)`` says whose each unit is."""
    whole = partition(model, level)
    owners = {}
    for place, (name, shape) in enumerate(whole.shapes.items()):
        owner = owner_of(place // 2, shape[0]) if shape else torch.zeros((), dtype=torch.long)
        owners[name] = owner.reshape(-1, *[1] * (len(shape) - 1)) if shape else owner
    numbers = torch.cat([owner.reshape(-1) for owner in owners.values()]).unique()
    owners = {n: torch.searchsorted(numbers, owner) for n, owner in owners.items()}
    names = tuple(f"group {i}" for i in range(len(numbers)))
    return gnlab.Partition("own", names, whole.shapes, owners, ("mixed",) * len(names))


OWNERS = {
    # Each two layers share a group, which needs rows of its own.
    "across layers": lambda place, units: 3 * place + torch.arange(units).clamp(max=3),
    # A group of nearly all units beside groups of one: too unlike to be multiplied together.
    "unlike": lambda place, units: 10 * place + (torch.arange(units) - units + 3).clamp(min=0),
    "one by one": lambda place, units: 10 * place + torch.arange(units) % 3,
}


def same(fast, plain, tolerance=1e-10):
    for name in ("g", "H", "third"):
        found, known = getattr(fast, name), getattr(plain, name)
        assert (found - known).abs().max() <= tolerance * known.abs().max()


@pytest.mark.parametrize("level", ["block:2", "block:3", "neuron", "unit", "row:3", "element"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_level_gives_the_definition(name, level):
    model, loss_fn, batch, u = problem(name)
    split = partition(model, level)
    fast, plain = (
        summarise(model, loss_fn, batch, split, u, method=method) for method in ("jets", "autodiff")
    )
    same(fast, plain)


@pytest.mark.parametrize("owners", OWNERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_own_groups_of_units_give_the_definition(name, owners):
    model, loss_fn, batch, u = problem(name)
    split = of_units(model, OWNERS[owners])
    fast, plain = (
        summarise(model, loss_fn, batch, split, u, method=method) for method in ("jets", "autodiff")
    )
    same(fast, plain)


def test_weights_and_biases_that_share_some_groups_only():
    """The bias of a unit is another unit's group's."""
    model, loss_fn, batch, u = problem("perceptron")
    whole = partition(model, "neuron")
    owners = {
        n: owner.roll(1) if n.endswith("bias") else owner for n, owner in whole.groups.items()
    }
    split = gnlab.Partition("rolled", whole.names, whole.shapes, owners, whole.roles)
    fast, plain = (
        summarise(model, loss_fn, batch, split, u, method=method) for method in ("jets", "autodiff")
    )
    same(fast, plain)


def test_parts_and_the_gauss_newton_summary_are_the_same_in_rows_of_each_group(monkeypatch):
    model, loss_fn, batch, u = problem("pooled")
    split = partition(model, "unit")
    found = summarise(model, loss_fn, batch, split, u, method="jets", parts=True, ggn=True)
    monkeypatch.setattr(Layer, "takes", lambda *_: False)
    replay.forget()
    known = summarise(model, loss_fn, batch, split, u, method="jets", parts=True, ggn=True)
    same(found, known, 1e-13)
    assert torch.allclose(found.ggn, known.ggn, rtol=1e-12, atol=1e-15)
    assert [part.operation for part in found.parts] == [part.operation for part in known.parts]
    for one, two in zip(found.parts, known.parts, strict=True):
        assert torch.allclose(one.H, two.H, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["perceptron", "pooled", "in groups", "residual"])
def test_another_division_of_the_units_is_not_taken_for_the_one_repeated(name):
    model, loss_fn, batch, u = problem(name)
    split = partition(model, "block:2")
    turned = {n: owner.flip(0) if owner.dim() else owner for n, owner in split.groups.items()}
    other = gnlab.Partition("turned", split.names, split.shapes, turned, split.roles)
    replay.forget()
    for i in range(24):
        one = (split, other)[i % 2]
        batch[0].normal_()
        same(
            summarise(model, loss_fn, batch, one, u, method="jets"),
            summarise(model, loss_fn, batch, one, u, method="autodiff"),
        )
    assert replay.kept() > 0


@pytest.fixture
def coloured():
    colouring = by_pieces(torch.tensor([[0, 1], [2, 2], [3, 3]]))
    rows = torch.randn(4, 5, 6, 2, dtype=DOUBLE)  # two colours, bent; three units of two entries
    rows[1::2, :, 2:] = 0  # nobody's
    return Coloured(colouring, Jet((0, 1), (0, 1), rows), Axis(1, 2))


def test_rows_for_each_group_hold_its_units_alone(coloured):
    jet = coloured.expanded()
    assert (jet.ranks, jet.bent) == ((0, 1, 2, 3), (0, 1, 2, 3))
    second, first = jet.second, jet.first
    rows = coloured.jet.values
    for group, (colour, unit) in enumerate([(0, 0), (1, 0), (0, 1), (0, 2)]):
        own = slice(2 * unit, 2 * unit + 2)
        for found, known in ((second, rows[colour]), (first, rows[2 + colour])):
            assert torch.equal(found[group][:, own], known[:, own])
            assert found[group].count_nonzero() == known[:, own].count_nonzero()


def test_some_of_the_groups_leave_nothing_of_the_others(coloured):
    some = coloured.of((1, 2)).expanded()
    whole = coloured.expanded()
    assert some.ranks == (1, 2)
    assert torch.equal(some.first, whole.first[1:3])
    assert torch.equal(some.second, whole.second[1:3])


def test_products_with_each_groups_derivative(coloured):
    others = torch.randn(3, 5, 6, 2, dtype=DOUBLE)
    first = coloured.expanded().first
    known = torch.einsum("kabc,mabc->km", others, first)
    assert torch.allclose(coloured.crossed(others, coloured.jet.first), known, rtol=1e-13)
    assert torch.allclose(
        coloured.summed(coloured.jet.first), first.sum((1, 2, 3)), rtol=1e-13, atol=1e-13
    )


def test_many_colours_are_multiplied_unit_by_unit():
    owner = torch.arange(12).reshape(3, 4)
    many = Coloured(
        by_pieces(owner), Jet(tuple(range(4)), (), torch.randn(4, 5, 3, dtype=DOUBLE)), Axis(1, 1)
    )
    others = torch.randn(2, 5, 3, dtype=DOUBLE)
    known = torch.einsum("kab,mab->km", others, many.expanded().first)
    assert torch.allclose(many.crossed(others, many.jet.first), known, rtol=1e-13)


def test_one_colour_of_units_is_its_own_sum():
    rows = torch.randn(1, 5, 3, dtype=DOUBLE)
    one = Coloured(by_units(torch.tensor([1, 0, 1])), Jet((0,), (), rows), Axis(1, 1))
    assert one.expanded().ranks == (0, 1)
    assert torch.allclose(
        one.summed(rows), torch.stack([rows[0, :, 1].sum(), rows[0, :, ::2].sum()])
    )
