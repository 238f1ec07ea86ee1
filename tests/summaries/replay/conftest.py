"""What the tests of repetition share."""

from unittest import mock

import pytest
import torch
from torch.nn import functional

from gnlab.partitions import partition
from gnlab.summaries import replay, summarise
from gnlab.summaries.evaluation.evaluation import Evaluation
from gnlab.summaries.replay import cache, making
from gnlab.summaries.replay.graph import Copies


@pytest.fixture
def nothing_kept(monkeypatch):
    """Nothing is kept yet, and what comes a second time is recorded."""
    monkeypatch.setattr(cache, "SIGHTS", 2)
    replay.forget()
    torch.manual_seed(0)
    yield
    replay.forget()


@pytest.fixture
def agree():
    """Holds a summary against the same without repetition; how often the model was called."""
    return calls_that_agree


def calls_that_agree(model, data, loss_fn=functional.cross_entropy, **options):
    direction = {n: torch.randn_like(p) for n, p in model.named_parameters() if p.requires_grad}
    given = model, loss_fn, data, partition(model, "tensor"), direction
    own = Evaluation._output
    with mock.patch.object(Evaluation, "_output", autospec=True, side_effect=own) as output:
        found = summarise(*given, **options)
    with replay.eager():
        anew = summarise(*given, **options)
    for name in ("loss", "g", "H", "third"):
        one, two = getattr(found, name), getattr(anew, name)
        assert (one - two).abs().max() <= 1e-12 * two.abs().max(), name
    assert found.weight == anew.weight
    assert [p.module for p in found.parts] == [p.module for p in anew.parts]
    for one, two in zip(found.parts, anew.parts, strict=True):
        torch.testing.assert_close(one.H, two.H, rtol=1e-10, atol=1e-13)
    if anew.ggn is not None:
        torch.testing.assert_close(found.ggn, anew.ggn, rtol=1e-10, atol=1e-13)
    return output.call_count


class Copied:
    """What a graph does, without a GPU: it reads copies, and is begun before it is asked for."""

    is_beside = True
    begun = 0

    @torch.inference_mode()
    def __init__(self, program, inputs):
        self.program, self.copies = program, Copies(program, inputs)
        self.size = program.size + self.copies.size

    @torch.inference_mode()
    def begin(self, inputs):
        Copied.begun += 1
        self.copies.read(inputs)
        self.program.repeat()

    def finish(self):
        return self.program.finish()


@pytest.fixture
def copied(monkeypatch):
    """Programs read copies, as graphs do; how many of them were begun is counted."""
    monkeypatch.setattr(making, "captured", Copied)
    monkeypatch.setattr(Copied, "begun", 0)
    return Copied
