"""Summaries at the levels below the tensor, and what they say about all coarser ones."""

import itertools

import pytest
import torch
from torch import nn

import gnlab
from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.jets.coloured import Coloured
from gnlab.summaries.jets.owned import Spread

DOUBLE = torch.float64


class Shared(nn.Module):
    """A layer that is used twice, a raw parameter, and a branch."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(4, 4), nn.Linear(4, 3)
        self.gate = nn.Parameter(torch.randn(4, 2))

    def forward(self, x):
        inner = torch.tanh(self.layer(x))
        return self.out(torch.tanh(self.layer(inner)) * torch.sigmoid(self.gate).sum(1) + inner)


NETWORKS = {
    "perceptron": lambda: (
        nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 3)),
        (7, 4),
    ),
    "convolution": lambda: (
        nn.Sequential(
            nn.Conv2d(2, 4, 2), nn.Tanh(), nn.Conv2d(4, 4, 2, groups=2), nn.ELU(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Linear(4, 3),
        ),
        (5, 2, 4, 4),
    ),
    "shared": lambda: (Shared(), (6, 4)),
}  # fmt: skip


@pytest.fixture(params=list(NETWORKS))
def problem(request):
    model, shape = NETWORKS[request.param]()
    model = model.double()
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    batch = torch.randn(shape, dtype=DOUBLE), torch.randint(3, shape[:1])
    return model, nn.CrossEntropyLoss(), batch, u


def summary(problem, level, **options):
    model, loss_fn, batch, u = problem
    return summarise(model, loss_fn, batch, partition(model, level), u, **options)


def near(found, known, tolerance=1e-10):
    assert (found - known).abs().max() <= tolerance * known.abs().max()


@pytest.mark.parametrize("level", ["part:2", "block:2", "neuron", "unit", "row:2", "element"])
def test_the_fast_pass_gives_the_definition(problem, level):
    fast, plain = summary(problem, level, method="jets"), summary(problem, level, method="autodiff")
    for name in ("g", "H", "third"):
        near(getattr(fast, name), getattr(plain, name))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
@pytest.mark.parametrize("level", ["tensor", "block:2", "neuron", "unit", "row:2", "element"])
@pytest.mark.parametrize("method", ["jets", "autodiff"])
def test_a_parameter_without_elements_changes_nothing(level, shape, method):
    torch.manual_seed(0)
    model, batch = (
        nn.Linear(3, 2).double(),
        (torch.randn(5, 3).double(), torch.randn(5, 2).double()),
    )
    loss_fn = nn.functional.mse_loss
    without = summarise(model, loss_fn, batch, partition(model, level), method=method)
    model.register_parameter("none", nn.Parameter(torch.zeros(shape, dtype=DOUBLE)))
    found = summarise(model, loss_fn, batch, partition(model, level), method=method)
    for name in ("g", "H", "third"):
        near(getattr(found, name), getattr(without, name), 1e-12)


def test_one_summary_holds_all_coarser_ones(problem):
    """Between every two levels of the ladder: ḡ and H̄ of the coarser, from the finer."""
    model = problem[0]
    splits = [partition(model, rung.level) for rung in gnlab.ladder(model)]
    found = [summary(problem, split.level) for split in splits]
    for (fine, f), (coarse, c) in itertools.product(zip(splits, found, strict=True), repeat=2):
        if fine.num_groups >= coarse.num_groups:
            g, H = f.coarsened(fine, coarse)
            near(g, c.g, 1e-11)
            near(H, c.H, 1e-11)
            membership = fine.coarsening(coarse)
            near(membership @ f.H @ membership.T, H, 1e-13)


def test_sums_over_coarser_groups_do_not_leave_the_range_of_the_dtype():
    torch.manual_seed(0)
    model, batch = nn.Linear(3, 2), (torch.randn(9, 3), torch.randn(9, 2))
    u = {name: 1e-24 * torch.randn_like(p) for name, p in model.named_parameters()}
    fine, coarse = partition(model, "unit"), partition(model, "tensor")
    f, c = (summarise(model, nn.functional.mse_loss, batch, p, u) for p in (fine, coarse))
    g, H = f.coarsened(fine, coarse)
    known_h, known_g, _ = c.coefficients()
    assert (known_h != 0).all()
    near(g / known_g, torch.ones(2, dtype=DOUBLE), 1e-5)
    near(H / known_h, torch.ones(2, 2, dtype=DOUBLE), 1e-5)


def test_a_summary_of_another_partition_is_refused(problem):
    model = problem[0]
    found = summary(problem, "tensor")
    with pytest.raises(gnlab.InputError, match=f"a summary of {len(found.g)} groups; .* has 1"):
        found.coarsened(partition(model, "all"), partition(model, "all"))


def test_units_of_a_layer_share_one_row(monkeypatch):
    """However many there are, no group has a row of zeros for what the others own."""
    monkeypatch.setattr(Spread, "values", property(lambda _: pytest.fail("written out")))
    widths, expanded = [], Coloured.expanded
    monkeypatch.setattr(
        Coloured, "expanded", lambda own: widths.append(own.jet.values.shape[-1]) or expanded(own)
    )
    model = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 30)).double()
    batch = torch.randn(5, 4, dtype=DOUBLE), torch.randint(30, (5,))
    summarise(model, nn.CrossEntropyLoss(), batch, partition(model, "unit"), method="jets")
    assert widths == [30]  # where the loss mixes them


def test_units_owned_by_groups_of_several_layers(problem):
    """Groups that cut through every layer: rows by their number modulo two."""
    model, loss_fn, batch, u = problem
    fine = partition(model, "unit")
    groups = {n: owner % 2 for n, owner in fine.groups.items()}
    split = gnlab.Partition("odd", ("0", "1"), fine.shapes, groups, ("mixed",) * 2)
    fast = summarise(model, loss_fn, batch, split, u, method="jets")
    plain = summarise(model, loss_fn, batch, split, u, method="autodiff")
    for name in ("g", "H", "third"):
        near(getattr(fast, name), getattr(plain, name))


@pytest.mark.parametrize(("made", "groups"), [(4, 1), (6, 1), (4, 2)])
def test_groups_of_a_transposed_convolutions_inputs(made, groups):
    """Its weight's rows are what it is given, not what it makes."""
    layer = nn.ConvTranspose2d(4, made, 2, groups=groups)
    model = nn.Sequential(nn.Conv2d(2, 4, 2), nn.Tanh(), layer, nn.ELU(), nn.Flatten(2)).double()
    batch = torch.randn(5, 2, 3, 3, dtype=DOUBLE), torch.randn(5, made, 9, dtype=DOUBLE)
    whole = partition(model, "tensor")
    owners = dict(whole.groups) | {"2.weight": torch.tensor([2, 2, 4, 4])[:, None, None, None]}
    names = (*whole.names, "other inputs")
    split = gnlab.Partition("inputs", names, whole.shapes, owners, (*whole.roles, "mixed"))
    fast, plain = (
        summarise(model, nn.functional.mse_loss, batch, split, method=method)
        for method in ("jets", "autodiff")
    )
    for name in ("g", "H", "third"):
        near(getattr(fast, name), getattr(plain, name))
