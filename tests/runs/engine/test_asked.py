"""The what-if curve in an engine: one level at a time, from the state that was asked about."""

import numpy as np
import pytest

import gnlab
from gnlab.runs import Change, Play, Reset, Rewind, Settings, Step, TryLevels
from gnlab.runs.engine.asked import Asked

MOONS = Settings("moons", device="cpu")


def found(seen):
    what_if = seen.what_if
    return what_if is not None and what_if.trials and what_if.trials.tried == what_if.trials.wanted


def test_the_engine_finds_what_a_run_finds(engine):
    run = engine.ready(MOONS)
    engine.do(run, Step(2))
    engine.send(run, TryLevels(most=40))
    seen = engine.wait(run, found)
    alone = gnlab.Run(MOONS)
    alone.step()
    alone.step()
    expected = gnlab.what_if(alone, most=40)
    trials = seen.what_if.trials
    assert (trials.step, seen.step, seen.state) == (2, 2, "paused")
    assert [rung.level for rung in trials.rungs] == expected.level.values.tolist()
    # In a process of its own on another number of threads: float32, rounded otherwise.
    np.testing.assert_allclose(trials.predicted, expected.predicted, rtol=1e-4)
    np.testing.assert_allclose(trials.measured, expected.measured, rtol=1e-4, atol=1e-6)


def test_a_playing_run_goes_on_afterwards(engine):
    run = engine.ready(MOONS)
    engine.send(run, Play())
    engine.send(run, TryLevels(most=10))
    seen = engine.wait(run, found)
    after = engine.wait(run, lambda s: s.step > seen.step + 2)
    assert after.what_if.trials.step == seen.what_if.trials.step


def test_levels_come_one_by_one():
    run, asked = gnlab.Run(MOONS), Asked()
    assert asked.what_if is None
    asked.take(run, TryLevels(most=12))
    seen = []
    while asked.under_way:
        asked.advance()
        seen.append(asked.what_if.trials.tried)
    assert seen == list(range(len(seen)))
    assert np.isnan(asked.what_if.trials.measured[seen[-1] :]).all()
    assert np.isfinite(asked.what_if.trials.measured[: seen[-1], 0]).all()


def test_found_again_and_again_over_training():
    run, asked = gnlab.Run(MOONS), Asked()
    asked.take(run, TryLevels(most=4, every=2, now=False))
    assert not asked.under_way
    for _ in range(6):
        run.step()
        asked.follow(run)
        while asked.under_way:
            asked.advance()
    assert asked.what_if.steps.tolist() == [2.0, 4.0, 6.0]
    found = asked.what_if
    assert found.predicted.shape == found.measured.shape == (3, len(run.levels), 2)
    np.testing.assert_array_equal(found.predicted[-1], found.trials.predicted)
    np.testing.assert_array_equal(found.measured[-1], found.trials.measured)
    np.testing.assert_array_equal(found.seconds[-1], found.trials.seconds)
    asked.go_back(4)
    assert asked.what_if.steps.tolist() == [2.0, 4.0]
    assert asked.what_if.trials is None


def test_another_batch_changes_the_costs_and_forgets_nothing():
    run, asked = gnlab.Run(MOONS), Asked()
    for size in (100, 50):
        run.change(summary_batch_size=size)
        asked.take(run, TryLevels(most=4))
        while asked.under_way:
            asked.advance()
        rungs = asked.what_if.trials.rungs
        assert rungs[-1].solve == rungs[-1].num_groups ** 3 / (run.ladder.gradient * size)
        run.step()
    assert asked.what_if.steps.tolist() == [0.0, 1.0]


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr("gnlab.runs.engine.asked._KEPT", 4)
    run, asked = gnlab.Run("quadratic", device="cpu"), Asked()
    asked.take(run, TryLevels(most=2, every=1, now=False))
    for _ in range(12):
        run.step()
        asked.follow(run)
        while asked.under_way:
            asked.advance()
    steps = asked.what_if.steps
    assert len(steps) <= 5
    assert steps[-1] == 12
    assert np.all(np.diff(steps) > 0)


@pytest.mark.parametrize("command", [Change({"damping": 3.0}), Rewind(1), Reset()])
def test_a_change_ends_what_is_under_way(engine, command):
    run = engine.ready(Settings("digits-mlp", device="cpu"))
    engine.do(run, Step(2))
    engine.send(run, TryLevels(most=512))
    seen = engine.do(run, command)
    later = engine.do(run, Step())
    assert later.step == (seen.step if not isinstance(command, Change) else 2) + 1
    trials = later.what_if.trials if later.what_if else None
    assert trials is None or trials.tried <= trials.wanted
