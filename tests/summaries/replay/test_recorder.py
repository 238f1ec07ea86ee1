"""What a small computation did is taken up later, what a large one did at once."""

import pytest
import torch

from gnlab.summaries.replay import recorder as recording
from gnlab.summaries.replay.recorder import Recorder
from gnlab.summaries.replay.steps import NotRepeatableError


def test_operations_are_taken_up_in_order_and_as_many_as_are_asked_for():
    x = torch.randn(7)
    for _ in range(2):  # an operation that was never met before is taken up at once
        with Recorder([x]) as recorder:
            (x + 1).sin().cos()
    assert (recorder.waiting, len(recorder.record.steps)) == (3, 0)
    recorder.settle(2)
    assert [step.func._schema.name for step in recorder.record.steps] == ["aten::add", "aten::sin"]
    recorder.settle()
    assert (recorder.waiting, len(recorder.record.steps)) == (0, 3)
    assert not recorder.is_large


def test_what_is_large_is_not_held(monkeypatch):
    monkeypatch.setattr(recording, "LARGE", 4 * 100)
    x = torch.randn(50)
    with Recorder([x]) as recorder:
        for _ in range(2):
            x + 1
        assert (recorder.waiting, recorder.is_large) == (2, False)
        for _ in range(2):
            x + 1
            assert (recorder.waiting, recorder.is_large) == (0, True)


def test_views_take_no_room(monkeypatch):
    monkeypatch.setattr(recording, "LARGE", 4 * 50)
    x = torch.randn(50)
    with Recorder([x]) as recorder:
        x[:10].view(2, 5).t()
    assert not recorder.is_large


@pytest.mark.parametrize(
    "draw",
    [
        torch.rand_like,
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.clone().resize_(2),
        lambda x: x.clone().set_(),
    ],
    ids=["random", "mask", "nonzero", "resize", "set"],
)
def test_what_depends_on_more_than_its_arguments_is_refused(draw):
    x = torch.randn(3)
    with pytest.raises(NotRepeatableError), Recorder([x]):
        draw(x)
