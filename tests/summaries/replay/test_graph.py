"""What a graph reads is copied to a place of its own; the rest needs a GPU."""

import pytest
import torch
from torch import nn

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.replay import cache
from gnlab.summaries.replay.graph import Copies, Graph

DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    """Nothing is kept yet, and what comes a second time is recorded."""
    monkeypatch.setattr(cache, "SIGHTS", 2)
    replay.forget()
    yield
    replay.forget()


def network():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def given(model):
    """A batch in the middle of a data set, which is not to be copied whole."""
    data = torch.randn(50, 4, dtype=DOUBLE)
    return model, nn.CrossEntropyLoss(), (data[10:16], torch.randint(3, (6,)))


def test_a_program_that_reads_copies(monkeypatch):
    class Copied:
        """What a graph does, without one."""

        @torch.inference_mode()
        def __init__(self, program, inputs):
            self.program, self.copies = program, Copies(program, inputs)
            self.size = program.size + self.copies.size

        @torch.inference_mode()
        def run(self, inputs):
            self.copies.read(inputs)
            self.program.repeat()
            return self.program.outputs()

    monkeypatch.setattr(cache, "captured", Copied)
    model = network()
    p = partition(model, "tensor")
    for _ in range(4):
        asked = given(model)
        found = summarise(*asked, p)
        with replay.eager():
            anew = summarise(*asked, p)
        torch.testing.assert_close((found.H, found.g), (anew.H, anew.g), rtol=1e-13, atol=0)
    (entry,) = [entry for entry in cache._known.values() if entry.program is not None]
    assert entry.program.copies.size < 50 * 4 * 8 + 3000


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (DOUBLE, 1e-12)])
def test_a_graph_repeats_with_other_numbers(dtype, tolerance):
    model = network().to("cuda", dtype)
    p = partition(model, "tensor")
    for _ in range(5):
        _, loss_fn, (x, y) = given(model)
        asked = model, loss_fn, (x.to("cuda", dtype), y.cuda()), p
        found = summarise(*asked)
        with replay.eager():
            anew = summarise(*asked)
        assert (found.H - anew.H).abs().max() <= tolerance * anew.H.abs().max()
    (entry,) = [entry for entry in cache._known.values() if entry.program is not None]
    assert isinstance(entry.program, Graph)
