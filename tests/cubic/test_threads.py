"""Linear algebra keeps to one thread in a solve, and has its threads back afterwards."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from gnlab.cubic import solve, solve_cubic
from gnlab.cubic.threads import FEW, MANY, Alone


def threads():
    return {
        library["filepath"]: library["num_threads"]
        for library in ThreadpoolController().info()
        if library["user_api"] == "blas"
    }


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


def test_one_thread_within_and_as_many_as_before_afterwards():
    before = threads()
    assert set(before.values()) == {2}
    with Alone(FEW + 1):
        assert set(threads().values()) == {1}
        with Alone(MANY - 1):
            pass
        assert set(threads().values()) == {1}  # the first is still within
    assert threads() == before


@pytest.mark.parametrize("rows", [1, FEW, MANY, 5000])
def test_small_and_very_large_matrices_keep_all(rows):
    with Alone(rows):
        assert set(threads().values()) == {2}


def test_the_threads_come_back_when_something_goes_wrong():
    with pytest.raises(ZeroDivisionError), Alone(FEW + 1):
        _ = 1 / 0
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
