"""What is recorded can be done again, though the tensors that it was recorded with are gone."""

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from gnlab.summaries.replay.program import Program
from gnlab.summaries.replay.recorder import NotRepeatableError, Recorder


def test_what_is_made_on_the_way_is_let_go():
    x = torch.randn(7)
    with Recorder([x]) as recorder:
        made = x * 2
        held = StorageWeakRef(made.untyped_storage())
        made = made + 1
    assert held.expired()
    assert len(recorder.sizes) == 3


def test_memory_that_is_used_again_is_another_piece():
    x = torch.randn(50)
    with Recorder([x]) as recorder:
        total = x
        for _ in range(50):
            total = total + (x * 2).sin()
    assert len(recorder.sizes) == 1 + 3 * 50
    program = Program(recorder, [recorder.place(total)])
    again = torch.randn(50)
    program.begin([again])
    torch.testing.assert_close(program.finish()[0], again + 50 * (again * 2).sin())


def test_what_is_the_same_at_each_time_is_kept_until_it_is_written():
    x = torch.randn(3)
    with Recorder([x]) as recorder:
        ones = torch.ones(3)
        twos = ones + ones
        filled = torch.zeros(3)
        before = filled + 1
        filled.add_(x)
        found = x * twos + filled + before
    assert len(recorder.fixed) == 3  # of what was made of zeros nobody knows then that they change
    program = Program(recorder, [recorder.place(found)])
    again = torch.randn(3)
    program.begin([again])
    torch.testing.assert_close(program.finish()[0], 3 * again + 1)


def test_numbers_from_elsewhere_are_not_repeated():
    x, other = torch.randn(3), torch.randn(3)
    with Recorder([x]), pytest.raises(NotRepeatableError, match="elsewhere"):
        x + other
