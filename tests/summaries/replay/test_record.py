"""What is recorded can be done again, though the tensors that it was recorded with are gone."""

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from gnlab.summaries.jets.ranks import keep
from gnlab.summaries.replay import recorder as recording
from gnlab.summaries.replay.program import Program
from gnlab.summaries.replay.recorder import Recorder
from gnlab.summaries.replay.steps import NotRepeatableError


@pytest.fixture(autouse=True, params=["as it goes", "afterwards"])
def _taken_up(monkeypatch, request):
    """Operations are taken up in the record as they are done, or all of them afterwards."""
    monkeypatch.setattr(recording, "LARGE", 0 if request.param == "as it goes" else 2**30)


def repeated(recorder, wanted, again):
    """What a recording's program gives of other numbers."""
    recorder.settle()
    program = Program(recorder.record, [recorder.record.place(wanted)])
    program.build()
    program.begin([again])
    return program.finish()[0]


def test_what_is_made_on_the_way_is_let_go():
    x = torch.randn(7)
    with Recorder([x]) as recorder:
        made = x * 2
        held = StorageWeakRef(made.untyped_storage())
        made = made + 1
    recorder.settle()
    assert held.expired()
    assert len(recorder.record.sizes) == 3


def test_memory_that_is_used_again_is_another_piece():
    x = torch.randn(50)
    with Recorder([x]) as recorder:
        total = x
        for _ in range(50):
            total = total + (x * 2).sin()
    again = torch.randn(50)
    torch.testing.assert_close(repeated(recorder, total, again), again + 50 * (again * 2).sin())
    assert len(recorder.record.sizes) == 1 + 3 * 50


def test_what_is_the_same_at_each_time_is_kept_until_it_is_written():
    x = torch.randn(3)
    with Recorder([x]) as recorder:
        ones = torch.ones(3)
        twos = ones + ones
        filled = torch.zeros(3)
        before = filled + 1
        filled.add_(x)
        found = x * twos + filled + before
    again = torch.randn(3)
    torch.testing.assert_close(repeated(recorder, found, again), 3 * again + 1)
    # Of what was made of zeros nobody knows then that they change.
    assert len(recorder.record.fixed) == 3


def test_a_tensor_whose_layout_changes_was_used_as_it_was():
    x = torch.randn(2, 3)
    with Recorder([x]) as recorder:
        made = x + 1
        before = made * 2
        made.t_()
        found = made @ before
    again = torch.randn(2, 3)
    torch.testing.assert_close(
        repeated(recorder, found, again), (again + 1).t() @ (2 * (again + 1))
    )


def recorded(compute, x):
    """Record a computation, and take all of it up."""
    with Recorder([x]) as recorder:
        compute(x)
    recorder.settle()


def test_a_view_of_a_constant_is_known_whenever_it_is_taken_up():
    x, constant = torch.randn(3), keep(torch.randn(2, 3))
    with Recorder([x]) as recorder:
        found = x * constant[1]
    again = torch.randn(3)
    torch.testing.assert_close(repeated(recorder, found, again), again * constant[1])


def test_numbers_from_elsewhere_are_not_repeated():
    other = torch.randn(3)
    with pytest.raises(NotRepeatableError, match="elsewhere"):
        recorded(lambda x: x + other, torch.randn(3))


def test_an_input_that_is_written_into_is_not_repeated():
    with pytest.raises(NotRepeatableError, match="input"):
        recorded(lambda x: x.add_(1), torch.randn(3))
