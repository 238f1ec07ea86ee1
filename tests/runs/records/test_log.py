import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnlab.runs.records.log import Log

NAN = math.nan


@given(total=st.integers(1, 300), rows=st.sampled_from([4, 8, 16]))
def test_a_full_log_halves_its_resolution_and_covers_everything(total, rows):
    log = Log(2, rows)
    for step in range(1, total + 1):
        log.append(np.array([step, -step], dtype=float))
    kept = log.rows()
    assert len(kept) <= rows
    assert kept[-1, 0] == total
    assert kept[0, 0] <= log.stride
    assert (np.diff(kept[:, 0]) <= log.stride).all()
    assert (kept[:, 1] == -kept[:, 0]).all()
    assert log.stride <= max(1, 4 * total / rows)


def test_what_is_measured_rarely_survives_the_halving():
    log = Log(2, 4)
    for step in range(1, 17):
        log.append(np.array([step, step if step == 3 else NAN], dtype=float))
    kept = log.rows()
    assert kept[~np.isnan(kept[:, 1]), 1].tolist() == [3]


@given(total=st.integers(2, 100), cut=st.integers(0, 99))
def test_a_log_that_was_cut_goes_on(total, cut):
    cut = min(cut, total)
    log = Log(1, 8)
    for step in range(1, total + 1):
        log.append(np.array([step], dtype=float))
    log.truncate(cut)
    assert (log.rows()[:, 0] <= cut).all()
    for step in range(cut + 1, total + 20):
        log.append(np.array([step], dtype=float))
    kept = log.rows()[:, 0]
    assert (np.diff(kept) > 0).all()
    assert kept[-1] == total + 19
    assert len(kept) <= 8


@pytest.mark.parametrize("rows", [4, 16, 100, 1024])
@pytest.mark.parametrize("steps", [1, 15, 17, 40, 1030])
def test_there_is_room_for_what_comes_not_for_all_that_may(rows, steps):
    log = Log(3, rows)
    for step in range(1, steps + 1):
        log.append(np.array([step, 1, 2], dtype=float))
        assert log.size <= 3 * min(rows, max(16, 2 * step))
    assert len(log.rows()) == steps if steps <= rows else len(log.rows()) >= rows // 2
    other = Log.of(log.to_plain())
    for each in (log, other):
        for step in range(steps + 1, steps + 50):
            each.append(np.array([step, 1, 2], dtype=float))
    np.testing.assert_array_equal(log.rows(), other.rows())
