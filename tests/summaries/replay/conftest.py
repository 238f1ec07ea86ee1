"""What the tests of repetition share."""

import pytest
import torch

from gnlab.summaries import replay
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
