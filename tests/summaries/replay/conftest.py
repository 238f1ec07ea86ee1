"""What the tests of repetition share."""

import pytest
import torch

from gnlab.summaries import replay
from gnlab.summaries.replay import cache


@pytest.fixture
def nothing_kept(monkeypatch):
    """Nothing is kept yet, and what comes a second time is recorded."""
    monkeypatch.setattr(cache, "SIGHTS", 2)
    replay.forget()
    torch.manual_seed(0)
    yield
    replay.forget()
