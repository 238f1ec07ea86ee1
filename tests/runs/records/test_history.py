import copy
import dataclasses
import math

import numpy as np
import pytest

from gnlab.runs.records.history import HistoryLog
from gnlab.runs.records.record import Record
from gnlab.runs.records.shares import shares

NAN = math.nan


def record(step, *, groups=("a", "b"), size=None, val=NAN, level="tensor", parts=None):
    sizes = None if size is None else np.full(len(groups), float(size))
    with np.errstate(invalid="ignore"):  # of an infinite step
        bends = None if parts is None or sizes is None else parts @ sizes @ sizes
    return Record(
        step=step, epoch=step / 10, loss=1 / step, val_loss=val, accuracy=NAN, partition=level,
        group=groups, role=("weights",) * len(groups), g=None, H=None, H_diagonal=None,
        third=None, d=None, step_size=sizes,
        step_size_solved=None, radius=NAN, radius_min=NAN, eigenvalue_min=NAN, regulariser=None,
        damping=1.0, lr=0.1, decrease_predicted=NAN, decrease_measured=NAN, status="",
        seconds=0.0, direction="momentum", H_parts=parts,
        bends=bends,
    )  # fmt: skip


def changed():
    """A log of five steps of two groups, then of three steps of one group."""
    log = HistoryLog()
    for step in range(1, 6):
        log.append(record(step, size=step))
    for step in range(6, 9):
        log.append(record(step, groups=("all",), size=step, level="all"))
    return log


def test_step_sizes_restart_with_the_partition():
    history = changed().history()
    assert history.step.tolist() == list(range(1, 9))
    assert history.groups == ("all",)
    assert history.since_step == 6
    assert history.step_size.tolist() == [[6], [7], [8]]
    assert history.step_size_step.tolist() == [6, 7, 8]


def test_a_step_before_a_change_of_the_partition_has_the_step_sizes_of_then():
    log = changed()
    before = log.history(until=2)
    assert before.step.tolist() == [1, 2]
    assert (before.groups, before.since_step) == (("a", "b"), 1)
    assert before.step_size.tolist() == [[1, 1], [2, 2]]
    assert before.step_size_step.tolist() == [1, 2]
    start = log.history(until=0)
    assert (start.groups, start.since_step, start.step_size.shape) == ((), 0, (0, 0))


def test_a_history_shares_nothing_with_what_comes_after():
    log = HistoryLog()
    log.append(record(1, size=1, val=5.0))
    history = log.history()
    for step in range(2, 3000):
        log.append(record(step, size=step))
    assert history.step.tolist() == [1]
    assert history.val_loss.tolist() == [5.0]
    whole = log.history()
    assert len(whole.step) <= 1024
    assert whole.step[-1] == 2999
    assert whole.val_loss[0] == 5.0


def test_plain_values_restore_the_log():
    log = HistoryLog()
    for step in range(1, 2000):
        log.append(record(step, size=step))
    other, copied = HistoryLog.of(log.to_plain()), copy.deepcopy(log)
    for each in (log, other, copied):
        each.append(record(2000, size=1))
    for each in (other, copied):
        for field in dataclasses.fields(log.history()):
            np.testing.assert_array_equal(
                getattr(each.history(), field.name), getattr(log.history(), field.name)
            )


@pytest.mark.parametrize("groups", [1, 300, 20_000])
def test_step_sizes_of_many_groups_take_bounded_memory(groups):
    log = HistoryLog()
    names = tuple(str(s) for s in range(groups))
    for step in range(1, 60):
        log.append(record(step, groups=names, size=step))
    assert log.history().step_size.size <= max(2**18, 16 * groups)
    assert log.history().step_size_step[-1] == 59


PARTS = np.array([[[3.0, 1.0], [1.0, 2.0]], [[0.0, -1.0], [-1.0, 0.0]], [[0.0, 0.0], [0.0, -2.0]]])


def test_shares_are_of_the_curvature_along_the_step():
    assert shares(record(1, size=1, parts=PARTS)) == pytest.approx(np.array([7, -2, -2]) / 11)


def test_without_parts_or_steps_or_any_bend_there_are_no_shares():
    for changes in ({"parts": None, "size": 1}, {"size": None}, {"size": 0}, {"size": math.inf}):
        assert shares(record(1, **{"parts": PARTS, **changes})) is None


def test_shares_over_time_are_bounded_and_follow_a_rewind():
    log = HistoryLog()
    for step in range(1, 3001):
        log.append(record(step, size=1, parts=PARTS if step % 2 else None))
    kept = log.history()
    assert kept.share.shape == (len(kept.share_step), 3)
    assert len(kept.share_step) <= 1024
    assert kept.share_step[-1] == 2999
    assert np.abs(kept.share).sum(axis=1) == pytest.approx(np.ones(len(kept.share)))
    log.truncate(1000)
    assert log.history().share_step[-1] <= 1000
    assert log.history(until=500).share_step[-1] <= 500


def test_a_log_of_an_earlier_version_has_no_shares():
    log = HistoryLog()
    log.append(record(1, size=1, parts=PARTS))
    plain = log.to_plain()
    del plain["shares"]
    assert HistoryLog.of(plain).history().share.shape == (0, 3)
