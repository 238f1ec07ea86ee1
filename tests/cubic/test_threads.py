"""Linear algebra keeps to one thread in a solve, and has its threads back afterwards."""

import threading

import numpy as np
import pytest
import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

from gnlab.cubic import solve, solve_cubic
from gnlab.cubic.threads import FEW, MANY, one_thread


def threads():
    found = {
        library["filepath"]: library["num_threads"] for library in ThreadpoolController().info()
    }
    return found | {"torch": torch.get_num_threads()}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2):
        yield


def test_one_thread_within_and_as_many_as_before_afterwards():
    before = threads()
    assert set(before.values()) == {2}
    with one_thread(FEW + 1):
        assert set(threads().values()) == {1}
        with one_thread(MANY - 1):
            assert set(threads().values()) == {1}
        assert set(threads().values()) == {1}  # the first is still within
    assert threads() == before


@pytest.mark.parametrize("rows", [1, FEW, MANY, 5000])
def test_small_and_very_large_matrices_keep_all(rows):
    with one_thread(rows):
        assert set(threads().values()) == {2}


def test_the_threads_come_back_when_something_goes_wrong():
    with pytest.raises(ZeroDivisionError), one_thread(FEW + 1):
        _ = 1 / 0
    assert set(threads().values()) == {2}


def test_two_threads_leave_all_as_it_was():
    entered, left = threading.Event(), threading.Event()

    def other():
        with one_thread(FEW + 1):
            entered.set()
            left.wait()

    thread = threading.Thread(target=other)
    with one_thread(FEW + 1):
        thread.start()
        entered.wait()
    assert torch.get_num_threads() == 2
    left.set()
    thread.join()
    assert set(threads().values()) == {2}


def test_a_solve_is_within(monkeypatch):
    seen = []
    normalise = solve.normalise

    def watched(*arguments):
        seen.append(set(threads().values()))
        return normalise(*arguments)

    monkeypatch.setattr(solve, "normalise", watched)
    S = FEW + 1
    assert solve_cubic(np.eye(S), np.ones(S), np.ones(S)).status.ok
    assert seen == [{1}]
    assert set(threads().values()) == {2}
