"""What a small computation did is taken up later, what a large one did at once."""

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from gnlab.summaries.replay import outs
from gnlab.summaries.replay import recorder as recording
from gnlab.summaries.replay.recorder import Recorder
from gnlab.summaries.replay.steps import NotRepeatableError


def test_operations_are_taken_up_in_order_and_as_many_as_are_asked_for():
    x = torch.randn(7)
    with Recorder([x]) as recorder:
        (x + 1).sin().cos()
    assert (recorder.waiting, len(recorder.record.steps)) == (3, 0)
    recorder.settle(2)
    assert [step.func._schema.name for step in recorder.record.steps] == ["aten::add", "aten::sin"]
    recorder.settle()
    assert (recorder.waiting, len(recorder.record.steps)) == (0, 3)
    assert not recorder.is_large


def test_how_a_new_operation_is_repeated_is_tried_at_once_and_nothing_else_is_done(monkeypatch):
    """All that waited was taken up then: the first step of a new kind took as long as three."""
    monkeypatch.setattr(recording, "_met", set())
    monkeypatch.setattr(outs, "_found", {})
    x = torch.randn(7)
    with Recorder([x]) as recorder:
        made = (x + 1).sin()
        made.mul_(2)
        made[2:].view(5)
        torch.zeros(3)
    assert (recorder.waiting >= 6, len(recorder.record.steps)) == (True, 0)
    names = {(operator.name, out) for operator, out in outs._found}
    assert names == {("add", True), ("sin", True), ("mul_", False)}
    before = dict(outs._found)
    recorder.settle()
    assert outs._found == before
    assert len(recorder.record.steps) == 4


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


def test_of_what_is_known_to_be_large_nothing_is_held_from_the_beginning():
    x = torch.randn(50)
    with Recorder([x], holds=False) as recorder:
        made = (x + 1)[:10]
        assert (recorder.waiting, len(recorder.record.steps)) == (0, 1)
        held = StorageWeakRef(made.untyped_storage())
        made = made.sin()
        assert held.expired()
    assert len(recorder.record.steps) == 2


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
