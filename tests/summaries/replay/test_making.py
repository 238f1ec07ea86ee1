"""A program in the making: what comes between its pieces, and what it holds meanwhile."""

import gc
import weakref

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.replay import cache, making, outs, recorder
from gnlab.summaries.replay.program import Program
from gnlab.summaries.replay.record import Record

FIRST = cache.SIGHTS - 1 - making.PIECES
"""The sight at which is recorded."""


@pytest.fixture(autouse=True)
def _nothing_kept():
    replay.forget()
    torch.manual_seed(0)
    yield
    replay.forget()


def network():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def batch():
    return torch.randn(6, 4, dtype=torch.float64), torch.randint(3, (6,))


def check(model, data):
    """A summary is what it is without repetition."""
    asked = model, nn.CrossEntropyLoss(), data, partition(model, "tensor")
    found = summarise(*asked)
    with replay.eager():
        anew = summarise(*asked)
    for one, two in ((found.g, anew.g), (found.H, anew.H), (found.third, anew.third)):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("owner", "name", "sight"),
    [
        (Record, "add", FIRST + 1),
        (Record, "add", FIRST + 2),
        (Program, "_action", FIRST + 3),
        (Program, "_action", FIRST + 4),
        (Program, "prove", FIRST + 5),
    ],
)
def test_what_ctrl_c_breaks_off_is_begun_anew(owner, name, sight, monkeypatch):
    model = network()
    for _ in range(1, sight):
        check(model, batch())

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            check(model, batch())
    assert replay.kept() == 0
    for _ in range(cache.SIGHTS + 1):
        check(model, batch())
    assert replay.kept() == 1


@pytest.mark.parametrize(
    "spoil", [lambda t: t.fill_(10**6), lambda t: t.untyped_storage().resize_(0)]
)
def test_numbers_that_are_gone_are_not_asked_for(spoil, monkeypatch):
    """As the indices of a batch whose memory is used for something else by the next step."""
    monkeypatch.setattr(outs, "_found", {})
    monkeypatch.setattr(recorder, "_met", set())
    layers = nn.Embedding(7, 4), nn.Flatten(), nn.Tanh(), nn.Linear(12, 3)
    model = nn.Sequential(*layers).double()
    for sight in range(1, cache.SIGHTS + 3):
        data = torch.randint(7, (5, 3)), torch.randint(3, (5,))
        check(model, data)
        if sight >= FIRST:
            spoil(data[0])
            spoil(data[1])
    assert replay.kept() == 1


@pytest.mark.parametrize("sights", range(FIRST, cache.SIGHTS + 1))
def test_nothing_large_is_held_once_the_model_is_gone(sights, monkeypatch):
    """The graph of a recorded output had the weights and the inputs, and all that lies beside."""
    monkeypatch.setattr(recorder, "LARGE", 0)
    model, whole = network(), torch.randn(50, 4, dtype=torch.float64)
    data = whole[:6], batch()[1]
    for _ in range(sights):
        summarise(model, nn.CrossEntropyLoss(), data, partition(model, "tensor"))
    uses = [t.untyped_storage() for t in (whole, *model.parameters())]
    cdata = [storage._cdata for storage in uses]
    counts = [torch._C._storage_Use_Count(one) for one in cdata]
    replay.forget()
    gc.collect()
    assert [torch._C._storage_Use_Count(one) for one in cdata] == counts
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
