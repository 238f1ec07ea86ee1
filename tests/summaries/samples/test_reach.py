"""In how many rows groups have reached a value, without carrying anything."""

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import forward, replay, summarise
from gnlab.summaries.jets.colours import by_units
from gnlab.summaries.samples.reach import Reach, reach_after, reach_of

NETWORKS = {
    "perceptron": lambda: (
        nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3)),
        (5, 4),
    ),
    "convolutions": lambda: (
        nn.Sequential(
            nn.Conv2d(2, 6, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(6, 4, 2), nn.SELU(),
            nn.Flatten(), nn.Linear(36, 3),
        ),
        (4, 2, 10, 10),
    ),
    "normalised": lambda: (
        nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)), (5, 4)
    ),
}  # fmt: skip


@pytest.mark.parametrize("level", ["tensor", "block:2", "neuron", "unit", "row:2", "element"])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_foretold_is_what_is_carried(name, level, monkeypatch):
    """The same groups, in no fewer rows than there are."""
    torch.manual_seed(0)
    model, shape = NETWORKS[name]()
    known, seen = {}, []
    go = forward._go_through

    def watched(call, curvature):
        for operand in call.given:
            known.setdefault(id(operand), reach_of(operand))
        after = reach_after(call, known)
        go(call, curvature)
        for operand in call.results:
            known[id(operand)] = after
            seen.append((call.name, after, reach_of(operand)))

    monkeypatch.setattr(forward, "_go_through", watched)
    batch = torch.randn(shape), torch.randint(3, shape[:1])
    with replay.eager():
        summarise(model, nn.CrossEntropyLoss(), batch, partition(model, level), method="jets")
    assert seen
    for call, foretold, carried in seen:
        assert len(carried) <= len(foretold), call
        assert foretold.every == carried.every, call


def test_some_groups_and_those_of_two_values():
    colouring = by_units(torch.tensor([3, 4, 4]))
    one, two = Reach(frozenset({0, 1})), Reach(frozenset({1, 2}), frozenset({colouring}))
    both = one | two
    assert both.every == {0, 1, 2, 3, 4}
    assert len(both) == 4  # three rows, and one that two groups share
    assert len(both.apart) == 5
    assert both.of((1, 4)).every == {1, 4}
    assert both.of((0,)).colourings == frozenset()
