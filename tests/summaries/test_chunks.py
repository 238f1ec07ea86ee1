"""How jets are divided where little memory is to be taken."""

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import chunks, forward, summarise
from gnlab.summaries.forward import Way

DOUBLE = torch.float64


class PlannedError(Exception):
    """Ends a summary where it has been planned, with the plan."""


@pytest.fixture
def asked():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 20), nn.Tanh(), nn.Linear(20, 10)).double()
    batch = torch.randn(40, 30, dtype=DOUBLE), torch.randint(10, (40,))
    return model, nn.CrossEntropyLoss(), batch, partition(model, "element")


def passes_of(monkeypatch):
    found, own = [], Way._carry
    monkeypatch.setattr(
        Way, "_carry", lambda way, some, *rest: found.append(some) or own(way, some, *rest)
    )
    return found


def test_no_less_is_taken_than_the_curvature_itself_has(asked, monkeypatch):
    """With a thousand bytes for 830 groups there would be a pass for each two of them."""
    whole = summarise(*asked, method="jets")
    passes = passes_of(monkeypatch)
    little = summarise(*asked, method="jets", memory=1e3)
    assert len(passes) == 1
    assert torch.allclose(little.H, whole.H, rtol=1e-10, atol=1e-14)


def test_every_two_groups_are_together_in_one_pass(asked, monkeypatch):
    monkeypatch.setattr(chunks, "_ENTRY", 0)
    plan = forward.plan

    def planned(*given):
        raise PlannedError(plan(*given))

    monkeypatch.setattr(forward, "plan", planned)
    with pytest.raises(PlannedError) as told:
        summarise(*asked, method="jets", memory=30_000)
    (found,), size = told.value.args, asked[3].num_groups
    together = torch.zeros(size, size, dtype=torch.bool)
    for some in found.chunks:
        assert list(some) == sorted(set(some))
        together[torch.tensor(some)[:, None], torch.tensor(some)] = True
    assert len(found.chunks) > 3
    assert together.all()
