"""A part of H̄ that somebody looks at group by group, where the record has bundles."""

import threading
import time

import numpy as np
import pytest

from gnlab import InputError
from gnlab.runs import Change, Look, Pause, Play, Rewind, Run, Settings, Step, Substep
from gnlab.runs.engine import inverting
from gnlab.runs.engine.seat import Seat
from gnlab.runs.records import bundles
from gnlab.runs.records.inverse import inverse

UNITS = Settings("moons", device="cpu", dtype="float64", partition="unit")
LOOK = Look((3, 1, 40), (7, 7))


@pytest.fixture(autouse=True)
def _four(monkeypatch):
    """H̄ of more than four groups is kept over bundles."""
    cached = bundles.begins, bundles.named
    monkeypatch.setattr(bundles, "MOST", 4)
    for one in cached:
        one.cache_clear()
    yield
    for one in cached:
        one.cache_clear()


@pytest.fixture
def seat():
    return seated(UNITS)


def seated(settings):
    made = Seat(settings, lambda _: None)
    made.take_seat(Run(settings))
    return made


def tell(seat, *commands):
    for command in commands:
        seat.inbox.put(seat._applied + 1, command)
        seat.read()
    while seat.due(np.inf):
        seat.advance()
    return seat.snapshot()


def test_it_is_that_part_of_the_steps_own_curvature(seat):
    detail = tell(seat, LOOK, Step()).detail
    summary = seat.run.measured
    rows, columns = list(LOOK.rows), list(LOOK.columns)
    np.testing.assert_array_equal(detail.H, summary.H.numpy()[np.ix_(rows, columns)])
    np.testing.assert_allclose(detail.H_parts.sum(axis=0), detail.H, rtol=1e-9, atol=1e-14)
    assert (detail.step, detail.rows, detail.columns) == (1, LOOK.rows, LOOK.columns)
    assert not detail.H.flags.writeable
    second = tell(seat, Step()).detail
    assert second.step == 2
    assert (second.H != detail.H).any()


def followed(seat):
    """What is seen once nothing more is to come by itself."""
    until, seen = time.monotonic() + 30, None
    while seat._looked.wait < np.inf:
        assert time.monotonic() < until
        time.sleep(seat._looked.wait)
        seat.read()
        if seat.changed:  # as the engine's loop does
            seen = seat.snapshot()
    return seen.detail


def test_the_same_part_of_the_whole_inverse_follows_while_the_run_is_paused(seat):
    assert tell(seat, LOOK, Step()).detail.inverse is None  # it takes as long as a step may
    assert 0 < seat.wait(time.monotonic()) < 1
    detail = followed(seat)
    whole = inverse(seat.run.measured.H.numpy(), np.finfo("float64").eps)
    of = np.ix_(LOOK.rows, LOOK.columns)
    np.testing.assert_array_equal(detail.inverse.matrix, whole.matrix[of])
    np.testing.assert_array_equal(detail.inverse.diagonal, whole.diagonal)
    assert (detail.inverse.rank, detail.inverse.groups) == (whole.rank, whole.groups)
    assert seat.wait(time.monotonic()) == np.inf
    # Another part of the same is there at once, and it is not looked for again.
    other = tell(seat, Look((5,), (6, 8))).detail.inverse
    np.testing.assert_array_equal(other.matrix, whole.matrix[np.ix_((5,), (6, 8))])
    assert seat.wait(time.monotonic()) == np.inf


def test_a_run_that_plays_inverts_nothing(seat):
    tell(seat, LOOK)
    for command in (Step(3), Play()):
        seat.inbox.put(seat._applied + 1, command)
        seat.read()
        seat.advance()
        assert seat.snapshot().detail.inverse is None
        assert seat._looked.wait == np.inf
    assert tell(seat, Pause()).detail.inverse is None
    assert followed(seat).inverse is not None


def test_an_inverse_that_comes_too_late_is_not_shown(seat, monkeypatch):
    go = threading.Event()

    def slow(H, precision):
        go.wait(30)
        return inverse(H, precision)

    monkeypatch.setattr(inverting, "inverse", slow)
    tell(seat, LOOK, Step())
    assert tell(seat, Step()).detail.inverse is None
    go.set()
    detail = followed(seat)
    whole = inverse(seat.run.measured.H.numpy(), np.finfo("float64").eps)
    np.testing.assert_array_equal(detail.inverse.diagonal, whole.diagonal)


def test_within_a_step_it_is_inverted_once(seat):
    tell(seat, LOOK)
    tell(seat, Substep(), Substep())
    first = followed(seat).inverse
    assert first is not None
    seen = seat.snapshot()
    assert (seen.phase, seen.detail.inverse.diagonal) == ("summary", first.diagonal)
    assert seat._looked.wait == np.inf


def test_of_too_many_groups_none_is_looked_for(seat, monkeypatch):
    monkeypatch.setattr(inverting, "MOST", 67)
    assert tell(seat, LOOK, Step()).detail.inverse is None
    assert seat._looked.wait == np.inf


def test_an_inverse_that_cannot_be_found_is_said_once(seat, monkeypatch, caplog):
    def never(H, precision):
        raise MemoryError

    monkeypatch.setattr(inverting, "inverse", never)
    tell(seat, LOOK, Step())
    assert followed(seat).inverse is None
    seen = seat.snapshot()
    assert "H̄ could not be inverted group by group: " in seen.message
    assert seen.severity == "warning"
    assert "an inverse could not be found" in caplog.text
    assert seat._looked.wait == np.inf  # nor is it tried again


def test_a_look_at_a_run_that_stands_still_is_answered_at_once_and_ends_with_another(seat):
    assert tell(seat, Step()).detail is None
    assert tell(seat, LOOK).detail.H.shape == (3, 2)
    assert tell(seat, Look((5,), (6, 8))).detail.H.shape == (1, 2)
    assert tell(seat, Look()).detail is None


def test_within_a_step_it_is_what_the_phases_found(seat):
    tell(seat, LOOK)
    assert tell(seat, Substep()).detail is None
    seen = tell(seat, Substep())
    assert seen.phase == "summary"
    assert seen.detail.step == seen.summary.step == 1


def test_it_stays_over_the_steps_without_a_summary():
    seat = seated(UNITS.changed(period=3))
    first = tell(seat, LOOK, Step()).detail
    assert tell(seat, Step(2)).detail.H is first.H
    assert tell(seat, Step()).detail.step == 4
    # The numbers of a summary some steps ago are gone when another part is asked for.
    tell(seat, Step())
    assert tell(seat, Look((5,), (6,))).detail is None
    assert tell(seat, Step(2)).detail.step == 7


def test_after_a_rewind_no_part_of_another_way_on_is_shown(seat):
    tell(seat, LOOK, Step(3))
    assert tell(seat, Rewind(2)).detail is None
    assert tell(seat, Step()).detail.step == 3


def test_groups_that_there_are_not_are_no_fault(seat):
    assert tell(seat, Look((67,), (66,)), Step()).detail.H.shape == (1, 1)
    assert tell(seat, Look((68,), (0,))).detail is None
    assert tell(seat, LOOK).detail is not None
    assert tell(seat, Change({"partition": "tensor"}), Step()).detail is None


def test_what_the_run_has_said_is_not_taken_back_by_a_look(seat):
    refused = tell(seat, Change({"partition": "tensors"})).message
    assert "Did you mean" in refused
    assert tell(seat, LOOK).message == refused
    assert tell(seat, LOOK, Step()).message == ""


@pytest.mark.parametrize("rows", [(-1,), tuple(range(5))])
def test_a_look_that_makes_no_sense_is_refused(rows):
    with pytest.raises(InputError, match="rows"):
        Look(rows, (0,))
