"""What does not fit into the memory there is, for a recording or for all programs."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.replay import cache

pytestmark = pytest.mark.usefixtures("nothing_kept")


def recorded(width):
    """A network of some width has its summary recorded."""
    model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 3))
    data = torch.randn(6, 4), torch.randint(3, (6,))
    for _ in range(2):
        summarise(model, functional.cross_entropy, data, partition(model, "tensor"))


def test_what_another_thread_repeats_meanwhile_makes_no_program_too_large(monkeypatch):
    """There is room for one; the one that was repeated last keeps it, the other may come back."""
    recorded(5)
    recorded(6)
    first, second = cache._known.values()
    monkeypatch.setattr("gnlab.summaries.replay.room._ALL", 1.5 * second.kept.program.size)
    cache._known.move_to_end(next(iter(cache._known)))  # another thread's repetition of the first
    cache._make_room(second)
    assert first.kept is not None
    assert second.kept is None
    assert not second.refused


@pytest.mark.parametrize(
    ("much", "large", "holds"), [(1, False, True), (20, False, False), (100, True, False)]
)
def test_what_will_be_too_much_to_be_held_is_known_before_it_is_recorded(much, large, holds):
    sight = cache.Sight(cache._Entry(torch.device("cpu")), [], whole=False)
    sight.refuse_beyond_memory(lambda bound: much * 2**20 > bound)
    assert (sight._entry.large, sight._entry.holds) == (large, holds)
