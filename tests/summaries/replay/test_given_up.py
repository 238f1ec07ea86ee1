"""A recording that is given up, as when the memory runs out, leaves no trace."""

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.compute import Computation
from gnlab.summaries.replay import cache
from gnlab.summaries.replay.recorder import Recorder

DOUBLE = torch.float64


@pytest.fixture(autouse=True, params=["the whole", "the forward half"])
def _in_whole_or_in_part(nothing_kept, monkeypatch, request):
    if request.param != "the whole":
        monkeypatch.setattr(Computation, "_repeated", lambda *_: None)


@pytest.fixture
def dispatched(monkeypatch):
    """The operations that recorders were shown; one of them may fail."""
    shown = Shown()
    own = Recorder.__torch_dispatch__

    def short_of_memory(recorder, *args, **kwargs):
        shown.append(recorder)
        if len(shown) == shown.at:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return own(recorder, *args, **kwargs)

    monkeypatch.setattr(Recorder, "__torch_dispatch__", short_of_memory)
    return shown


@pytest.fixture
def model():
    inner = nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh()
    return nn.Sequential(*inner, nn.Linear(5, 3)).double()


class Shown(list):
    at = 0  # the number of the operation that fails


def summaries(model):
    """Three summaries with everything in them, each the same as without any repetition."""
    for _ in range(3):
        data = torch.randn(6, 4, dtype=DOUBLE), torch.randint(3, (6,))
        given = model, nn.CrossEntropyLoss(), data, partition(model, "tensor")
        found = summarise(*given, parts=True, ggn=True)
        with replay.eager():
            anew = summarise(*given, parts=True, ggn=True)
        for name in ("loss", "g", "H", "third", "ggn"):
            near(getattr(found, name), getattr(anew, name))
        assert [part.module for part in found.parts] == [part.module for part in anew.parts]
        for one, two in zip(found.parts, anew.parts, strict=True):
            near(one.H, two.H)


def near(one, two):
    torch.testing.assert_close(one, two, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("share", [k / 16 for k in range(16)])
def test_wherever_it_fails(share, dispatched, model):
    summaries(model)
    assert replay.kept() == 1
    dispatched.at = 1 + int(share * len(dispatched))
    dispatched.clear()
    replay.forget()
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    grads = [p.grad for p in model.parameters()]
    held = [*model.parameters(), *grads, *model.buffers()]
    before = [tensor.detach().clone() for tensor in held]
    summaries(model)
    assert len(dispatched) >= dispatched.at  # it did fail
    assert [p.grad is grad for p, grad in zip(model.parameters(), grads, strict=True)] == [True] * 8
    assert all(map(torch.equal, held, before))


def test_what_does_not_fit_is_recorded_once(model, monkeypatch):
    monkeypatch.setattr("gnlab.summaries.replay.room._ALL", 1)
    made = []
    monkeypatch.setattr(
        cache, "Recorder", lambda *given, **how: made.append(1) or Recorder(*given, **how)
    )
    for _ in range(2):
        summaries(model)
    # The forward half, and the whole before it where that may be repeated.
    whole = Computation._repeated.__name__ == "_repeated"
    assert (len(made), replay.kept()) == (2 if whole else 1, 0)
