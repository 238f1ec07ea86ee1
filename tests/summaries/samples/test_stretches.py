"""Which calls go forward together, samples apart."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.summaries.encoder import Encoder
from gnlab.problems import networks
from gnlab.summaries.formulas.decompose import decomposed
from gnlab.summaries.recording.tape import Tape
from gnlab.summaries.samples.reach import Reach
from gnlab.summaries.samples.stretches import Room, stretches


def calls_of(model, x, loss=lambda out: out.square().mean()):
    """The calls of a model and a loss."""
    tape = Tape()
    tape.start(dict(model.named_parameters()))
    with decomposed(), tape:
        loss(model(x))
    return tape.calls


def kinds(found):
    """The samples of each stretch, and how many of its calls keep them apart and do not."""
    return [(s.count, len(s.calls), len(s.before)) for s in found]


@pytest.mark.parametrize(("model", "shape"), [
    (lambda: networks.lenet(seed=0), (6, 3, 32, 32)),
    (lambda: networks.mlp(seed=0), (6, 1, 28, 28)),
    (lambda: Encoder(16, 2, 2, 16), (6, 3, 16, 16)),
], ids=["lenet", "mlp", "encoder"])  # fmt: skip
def test_a_whole_network_is_one_stretch(model, shape):
    target = torch.zeros(6, dtype=torch.long)
    calls = calls_of(model(), torch.randn(shape), lambda out: F.cross_entropy(out, target))
    found = stretches(calls)
    assert kinds(found) == [(6, len(calls) - 1, 0), (1, 0, 1)]


def test_statistics_of_a_batch_are_cut_between_channels():
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Conv2d(3, 4, 3), nn.Tanh()
    )
    found = stretches(calls_of(model, torch.randn(5, 2, 8, 8)))
    names = [[call.name for call in stretch.every] for stretch in found]
    assert [stretch.count for stretch in found] == [5, 3, 5, 1]
    assert names[1][0] == "standardised"
    assert names[2][:2] == ["conv2d", "tanh"]


class Decayed(nn.Module):
    """A layer whose weight is made of a parameter, which the loss meets again at last."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.randn(3, 3))
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.exp(self.raw)
        y = torch.tanh(F.linear(self.inner(x), weight))
        return (y * weight.sum()).square().mean() + (weight * weight).sum()


def test_what_is_made_of_parameters_is_made_once():
    first, *rest = stretches(calls_of(Decayed(), torch.randn(5, 3), lambda out: out))
    assert [call.name for call in first.calls] == ["linear", "linear", "tanh", "mul", "square"]
    assert [call.name for call in first.before] == ["exp", "sum"]
    assert [call.name for s in rest for call in s.every] == ["mean", "mul", "sum", "add"]


def test_the_same_value_is_not_wanted_both_cut_and_whole():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.inner(x)
            return F.linear(y, y)

    found = stretches(calls_of(Twice(), torch.randn(5, 3), torch.sum))
    assert [call.name for call in found[0].calls] == ["linear"]


def test_a_large_matrix_is_not_fetched_for_a_few_rows():
    """Samples are divided so far that their jets fit, but to no fewer rows than asked for."""
    model = nn.Sequential(nn.Linear(600, 600), nn.Tanh(), nn.Linear(600, 600), nn.Tanh())
    (stretch, *_) = stretches(calls_of(model, torch.randn(40, 600)))
    reached = {id(o): Reach(frozenset((0, 1))) for o in stretch.given()}
    one = 2 * 2 * 600 * 4
    assert stretch.parts(reached, Room(40 * one)) == 1
    assert stretch.parts(reached, Room(5 * one)) == 8
    assert stretch.parts(reached, Room(5 * one, rows=16)) == 2
    assert stretch.parts(reached, Room(0)) == 40


def test_a_large_matrix_of_sums_is_not_added_to_for_a_few_entries():
    model = nn.Sequential(nn.Linear(6, 30), nn.Tanh(), nn.Linear(30, 30), nn.Tanh())
    (stretch, *_) = stretches(calls_of(model, torch.randn(40, 6)))
    few, many = (
        {id(o): Reach(frozenset(range(n))) for o in stretch.given()} for n in (100, 600)
    )  # fmt: skip
    assert stretch.parts(few, Room(1, entries=300)) == 40
    assert stretch.parts(many, Room(1, entries=300)) == 4
    assert stretch.parts(many, Room(1)) == 40
