"""The stream of summary batches: endless, and resumable."""

import contextlib
import copy
import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from gnlab.errors import InputError
from gnlab.optimizers.batches import Stream, pair


def test_an_iterable_is_gone_through_again():
    stream = Stream(["a", "b", "c"])
    assert [stream.next() for _ in range(7)] == list("abcabca")
    assert stream.drawn == 7


@pytest.mark.parametrize(
    "source",
    [lambda: "a", lambda drawn, more: "a", lambda *, drawn: "a"],
    ids=["none", "two", "name"],
)
def test_a_function_that_takes_no_number_is_refused_at_once(source):
    with pytest.raises(InputError, match=r"number of batches already drawn.*does not take one"):
        Stream(source)


@pytest.mark.parametrize("source", ["a".__getitem__, lambda *given: "a", lambda n, more=1: "a"])
def test_a_function_that_may_take_a_number_is_called(source):
    assert Stream(source).next() == "a"


@pytest.mark.parametrize("source", [["a", "b", "c"], lambda drawn: "abc"[drawn % 3]])
@pytest.mark.parametrize("drawn", [0, 1, 3, 5])
def test_seek_resumes_where_the_position_was_taken(source, drawn):
    stream, resumed = Stream(source), Stream(source)
    for _ in range(drawn):
        stream.next()
    resumed.seek(stream.position())
    assert [resumed.next() for _ in range(5)] == [stream.next() for _ in range(5)]


DATA = TensorDataset(torch.arange(20), torch.arange(20))


def shuffling(kind):
    """A loader of four batches in an order of chance."""
    if kind == "global":
        return DataLoader(DATA, 5, shuffle=True)
    own = torch.Generator().manual_seed(1)
    if kind == "loader's":
        return DataLoader(DATA, 5, shuffle=True, generator=own)
    return DataLoader(DATA, 5, sampler=RandomSampler(DATA, generator=own))


def numbers(stream, count):
    return [stream.next()[0].tolist() for _ in range(count)]


@pytest.mark.parametrize("kind", ["global", "loader's", "sampler's"])
@pytest.mark.parametrize("drawn", [0, 1, 3, 4, 6])
def test_a_loader_that_shuffles_is_resumed_in_the_same_order(kind, drawn):
    torch.manual_seed(7)
    stream = Stream(shuffling(kind))
    numbers(stream, drawn)
    position, state = stream.position(), torch.get_rng_state()
    expected = numbers(stream, 9)
    torch.manual_seed(8)  # another process, whose random state the person restores too
    resumed = Stream(shuffling(kind))
    torch.set_rng_state(state)
    resumed.seek(position)
    assert torch.equal(torch.get_rng_state(), state)
    assert numbers(resumed, 9) == expected
    torch.set_rng_state(state)
    stream.seek(position)  # and in the same process, back
    assert numbers(stream, 9) == expected


def test_nothing_to_draw_is_refused():
    with pytest.raises(InputError, match="yielded no batch"):
        Stream([]).next()
    with pytest.raises(InputError, match="got int"):
        Stream(3)


def test_what_can_be_gone_through_once_only_says_so_at_its_end():
    stream = Stream(iter(["a", "b"]))
    assert [stream.next(), stream.next()] == ["a", "b"]
    with pytest.raises(InputError, match="ended after 2 batches and cannot be gone through again"):
        stream.next()


def test_a_drawn_list_of_two_is_one_batch():
    """A DataLoader makes lists, of two inputs and two targets a list of two lists too."""
    batch = [["a", "b"], ["c", "d"]]
    assert Stream([batch]).next() == (["a", "b"], ["c", "d"])
    assert Stream(lambda drawn: batch).next() == (["a", "b"], ["c", "d"])


def test_a_copy_goes_on_from_where_the_stream_is():
    stream = Stream(["a", "b", "c"])
    for _ in range(4):
        stream.next()
    copies = [copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))]
    for other in [stream, *copies]:
        assert other.drawn == 4
        assert [other.next() for _ in range(3)] == ["b", "c", "a"]


@pytest.mark.parametrize("copied", [copy.deepcopy, pickle.dumps])
def test_what_can_be_gone_through_once_only_is_not_copied(copied):
    for source in (iter(["a", "b"]), (name for name in "ab")):
        with pytest.raises(InputError, match="cannot be copied; give a list, a loader or"):
            copied(Stream(source))


X, Y = torch.zeros(4, 3), torch.zeros(4)


@pytest.mark.parametrize(
    "given",
    [(X, Y), [X, Y], X, [{"x": X, "y": Y}], [(X, Y, X)], lambda n: None, "abc"],
    ids=["pair", "listed", "tensor", "mapping", "triple", "nothing", "text"],
)
def test_what_is_no_pair_is_told_with_what_one_batch_alone_is(given):
    with pytest.raises(InputError, match=r"give pairs .* got .*\. Of one .* list, \[") as caught:
        pair(Stream(given).next())
    assert len(str(caught.value).splitlines()) == 1


class Drawing:
    """Batches that draw from Python's and NumPy's generators, and may end in an error."""

    def __init__(self, fails=False):
        self.fails = fails

    def __iter__(self):
        for k in range(4):
            random.random()
            np.random.rand()
            torch.rand(1)
            if self.fails and k == 2:
                raise RuntimeError("no more")
            yield k


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_skipped_leaves_no_trace_in_any_generator(fails):
    stream = Stream(Drawing())
    for _ in range(3):
        stream.next()
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    other = Stream(Drawing(fails))
    with pytest.raises(RuntimeError) if fails else contextlib.nullcontext():
        other.seek(stream.position())
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.get_rng_state().equal(states[2])
