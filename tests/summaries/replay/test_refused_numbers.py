"""Numbers that an operation does not take: the error is the same before and after repetition."""

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.replay import cache

pytestmark = pytest.mark.usefixtures("nothing_kept")

DOUBLE = torch.float64


def scores():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


LOSSES = {
    "cross entropy": (nn.CrossEntropyLoss(), scores),
    "likelihood": (nn.NLLLoss(), lambda: nn.Sequential(*scores(), nn.LogSoftmax(1)).double()),
}


@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_a_label_out_of_range_is_named_after_repetition_too(name, label, agree):
    loss_fn, make = LOSSES[name]
    model, x, y = make(), torch.randn(6, 4, dtype=DOUBLE), torch.randint(3, (6,))
    wrong = y.clone()
    wrong[2] = label
    u = {n: torch.ones_like(q) for n, q in model.named_parameters()}  # of no gradient to be found
    for times in range(2):
        while times and not replay.kept():
            agree(model, (x, y), loss_fn)
        with pytest.raises(IndexError, match=f"Target {label} is out of bounds"):
            summarise(model, loss_fn, (x, wrong), partition(model, "tensor"), u)
    assert agree(model, (x, y), loss_fn) == 0  # right numbers are repeated again


def test_a_repetition_without_memory_is_told_as_that(monkeypatch):
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    given = model, nn.CrossEntropyLoss(), (torch.randn(5, 4), torch.randint(2, (5,)))
    p = partition(model, "tensor")
    while not replay.kept():
        summarise(*given, p)

    def none_left(*_):
        raise torch.OutOfMemoryError("none left")

    monkeypatch.setattr(cache.Sight, "_repeated", none_left)
    with pytest.raises(torch.OutOfMemoryError, match="none left"):
        summarise(*given, p)
