"""The order of the data: a pure function of the step, every sample once per epoch."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnlab.errors import InputError
from gnlab.problems import Batches, Stream


@given(
    size=st.integers(1, 60),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
    steps=st.lists(st.integers(0, 200), min_size=1, max_size=8),
)
def test_any_step_in_any_order_gives_the_same_batch(size, share, seed, steps):
    batch_size = 1 + int(share * (size - 1))
    sequence = Batches(size, batch_size, seed)
    for step in steps:
        assert torch.equal(sequence.indices(step), Batches(size, batch_size, seed).indices(step))


@given(size=st.integers(1, 60), batch_size=st.integers(1, 60), seed=st.integers(0, 10))
def test_no_sample_twice_in_an_epoch(size, batch_size, seed):
    batch_size = min(batch_size, size)
    batches = Batches(size, batch_size, seed)
    drawn = torch.cat([batches.indices(k) for k in range(batches.per_epoch)])
    assert len(drawn) == batches.per_epoch * batch_size > size - batch_size
    assert len(drawn.unique()) == len(drawn)
    assert drawn.min() >= 0
    assert drawn.max() < size


@given(
    size=st.integers(1, 60),
    old_size=st.integers(1, 60),
    new_size=st.integers(1, 60),
    drawn=st.integers(0, 150),
)
def test_another_batch_size_repeats_no_sample_and_goes_on(size, old_size, new_size, drawn):
    old, new = (Batches(size, min(each, size), 3) for each in (old_size, new_size))
    number = new.after(old, drawn)
    epoch = drawn // old.per_epoch
    before = [old.indices(k) for k in range(epoch * old.per_epoch, drawn)]
    after = [new.indices(k) for k in range(number, (epoch + 1) * new.per_epoch)]
    seen = torch.cat([*before, *after, torch.empty(0, dtype=torch.int64)])
    assert len(seen.unique()) == len(seen)
    assert old.epoch(drawn) <= new.epoch(number) <= epoch + 1
    assert old.after(old, drawn) == drawn


def test_epochs_purposes_and_seeds_have_orders_of_their_own():
    orders = [
        Batches(50, 50, 0).indices(0),
        Batches(50, 50, 0).indices(1),
        Batches(50, 50, 0, Stream.summary_batches).indices(0),
        Batches(50, 50, 1).indices(0),
    ]
    for i, first in enumerate(orders):
        assert torch.equal(first.sort().values, torch.arange(50))
        for second in orders[i + 1 :]:
            # Independent orders of 50 agree in one place on average.
            assert int((first == second).sum()) < 8


def test_epochs_are_counted_in_whole_batches():
    batches = Batches(105, 10, 0)
    assert batches.per_epoch == 10
    assert batches.epoch(0) == 0
    assert batches.epoch(25) == 2.5


def test_a_caller_cannot_change_the_order():
    batches = Batches(10, 5, 0)
    batches.indices(0).zero_()
    assert torch.equal(batches.indices(0), Batches(10, 5, 0).indices(0))


def test_no_trace_on_the_global_generator():
    state = torch.get_rng_state()
    Batches(10, 5, 0).indices(3)
    assert torch.equal(torch.get_rng_state(), state)


def test_bad_sizes():
    with pytest.raises(InputError, match="batch_size must be at most 10, the number of training"):
        Batches(10, 11, 0)
    with pytest.raises(InputError, match="summary_batch_size must be at most 10"):
        Batches(10, 11, 0, Stream.summary_batches)
    for bad in (0, -1, 2.5):
        with pytest.raises(InputError, match="batch_size must be a whole number"):
            Batches(10, bad, 0)
    for bad in (-1, 0.5, 2**31):
        with pytest.raises(InputError, match="seed must be a whole number"):
            Batches(10, 5, bad)
