"""Both engines keep the same promises."""

import math

import numpy as np
import pytest

from gnlab import InputError
from gnlab.runs import (
    Change,
    Pace,
    Pause,
    Play,
    ProcessEngine,
    Reset,
    Rewind,
    Run,
    Settings,
    Step,
    Substep,
    ThreadEngine,
)

MOONS = Settings("moons", device="cpu")
FAST = Settings("quadratic", device="cpu", optimizer="sgd", lr=1e-4)


def test_a_run_is_seen_at_once_and_loaded_meanwhile(engine):
    run = engine.open(MOONS)
    first = engine.snapshot(run)
    assert (first.step, first.state, first.settings) == (0, "paused", MOONS)
    loaded = engine.wait(run, lambda s: s.levels)
    assert next(level.name for level in loaded.levels) == "all"
    assert (loaded.record, loaded.kept_steps, loaded.message) == (None, (0,), "")
    assert loaded.device == "cpu"


def test_a_step_makes_exactly_one_and_equals_a_run_without_engine(engine):
    run = engine.ready(MOONS)
    alone = Run(MOONS)
    for step in (1, 2, 3):
        seen, expected = engine.do(run, Step()), alone.step()
        assert (seen.step, seen.record.step, seen.state) == (step, step, "paused")
        assert seen.record.loss == expected.loss
        np.testing.assert_array_equal(seen.record.H, expected.H)
    assert seen.history.step.tolist() == [1, 2, 3]
    assert seen.kept_steps == (0, 1, 2, 3)


def test_steps_that_are_asked_for_twice_are_made_twice(engine):
    run = engine.ready(MOONS)
    for _ in range(3):
        engine.send(run, Step())
    assert engine.do(run, Step(2)).step == 5


def test_play_and_pause(engine):
    run = engine.ready(FAST)
    number = engine.send(run, Play())
    seen = engine.wait(run, lambda s: s.applied >= number and s.step > 20)
    assert seen.state == "playing"
    assert seen.steps_per_second > 0
    paused = engine.do(run, Pause())
    after = engine.do(run, Pace())
    assert (after.step, after.state, after.steps_per_second) == (paused.step, "paused", 0.0)


def test_versions_grow_and_nothing_new_is_none(engine):
    run = engine.ready(FAST)
    versions = []
    engine.send(run, Play())
    while len(versions) < 20:
        seen = engine.snapshot(run, versions[-1] if versions else -1)
        if seen is not None:
            versions.append(seen.version)
    assert versions == sorted(set(versions))
    last = engine.do(run, Pause())
    assert engine.snapshot(run, last.version) is None
    assert engine.snapshot(run, last.version - 1) is not None


def test_the_partition_changes_in_the_middle_of_training(engine):
    run = engine.ready(MOONS)
    engine.send(run, Play())
    for level, groups in (("all", 1), ("role", 2), ("tensor", 6)):
        number = engine.send(run, Change({"partition": level}))
        seen = engine.wait(
            run, lambda s, n=number, g=groups: s.applied >= n and s.summary.H.shape == (g, g)
        )
        assert seen.settings.partition == level
        assert seen.state == "playing"
        assert len(seen.history.groups) == groups


def test_of_many_changes_the_latest_wins(engine):
    run = engine.ready(MOONS)
    engine.send(run, Play())
    for k in range(300):
        number = engine.send(run, Change({"damping": 1.0 + k}))
    seen = engine.wait(run, lambda s: s.applied >= number)
    assert seen.settings.damping == 300.0
    seen = engine.wait(run, lambda s: s.record.damping == 300.0)
    assert seen.state == "playing"


def test_a_wrong_change_is_answered_and_changes_nothing(engine):
    run = engine.ready(MOONS)
    engine.send(run, Play())
    number = engine.send(run, Change({"partition": "tensors", "damping": 9.0}))
    seen = engine.wait(run, lambda s: s.applied >= number)
    assert "Did you mean 'tensor'" in seen.message
    assert (seen.severity, seen.state, seen.settings) == ("error", "playing", MOONS)
    step = seen.step
    engine.wait(run, lambda s: s.step > step + 2)
    number = engine.send(run, Change({"damping": 9.0}))
    assert engine.wait(run, lambda s: s.applied >= number).message == ""


def test_rewind_and_reset(engine):
    run = engine.ready(MOONS)
    five = engine.do(run, Step(5))
    back = engine.do(run, Rewind(2))
    assert (back.step, back.record.step, back.state) == (2, 2, "paused")
    assert back.history.step.tolist() == [1, 2]
    again = engine.do(run, Step(3))
    assert again.record.loss == five.record.loss
    missed = engine.do(run, Rewind(50))
    assert (missed.step, missed.severity) == (5, "error")
    assert "from 0 to 5" in missed.message
    start = engine.do(run, Reset())
    assert (start.step, start.record, start.kept_steps) == (0, None, (0,))


def test_substeps_show_each_phase(engine):
    run = engine.ready(MOONS)
    seen = [engine.do(run, Substep()) for _ in range(4)]
    assert [s.phase for s in seen] == ["gradient", "summary", "solve", ""]
    assert [s.step for s in seen] == [0, 0, 0, 1]
    assert seen[1].summary.H is not None
    assert seen[1].summary.step_size_solved is None
    assert seen[2].summary.step_size_solved is not None
    np.testing.assert_array_equal(seen[1].summary.H, seen[3].record.H)
    engine.do(run, Substep())
    whole = engine.do(run, Step())
    assert (whole.step, whole.phase) == (2, "")


def test_a_new_preset_is_loaded_while_others_go_on(engine):
    run, other = engine.ready(MOONS), engine.ready(FAST)
    engine.send(other, Play())
    engine.do(run, Step())
    number = engine.send(run, Change({"preset": "circles"}))
    engine.send(run, Step(2))
    seen = engine.wait(
        run, lambda s: s.applied > number and s.settings.preset == "circles" and s.step == 2
    )
    assert seen.history.step.tolist() == [1, 2]
    assert engine.snapshot(other).state == "playing"


def test_of_two_presets_asked_for_at_once_the_later_is_loaded(engine):
    run = engine.ready(MOONS)
    for preset in ("circles", "spirals", "moons", "quadratic"):
        engine.send(run, Change({"preset": preset}))
    number = engine.send(run, Change({"damping": 2.0}))
    seen = engine.wait(
        run, lambda s: s.applied >= number and s.settings.preset == "quadratic" and s.levels
    )
    seen = engine.wait(run, lambda s: s.settings.damping == 2.0)
    assert seen.settings == Settings("quadratic", device="cpu", damping=2.0)


def test_what_cannot_be_loaded_says_so_and_the_old_run_goes_on(engine):
    run = engine.ready(MOONS)
    engine.do(run, Step())
    engine.send(run, Change({"preset": "no-such"}))
    seen = engine.wait(run, lambda s: "unknown preset" in s.message)
    assert (seen.severity, seen.settings, seen.step) == ("error", MOONS, 1)
    assert engine.do(run, Step()).step == 2
    lost = engine.open(Settings("moons", batch_size=5000))
    seen = engine.wait(lost, lambda s: s.state == "stopped")
    assert "batch_size must be at most 400" in seen.message
    assert seen.severity == "error"
    # A better choice opens it after all.
    engine.send(lost, Change({"batch_size": 50}))
    opened = engine.wait(lost, lambda s: s.levels and s.state == "paused")
    assert opened.settings == Settings("moons", batch_size=50)


def test_a_diverging_run_pauses_on_its_last_good_step(engine):
    run = engine.ready(Settings("quadratic", device="cpu", optimizer="sgd", lr=1e6))
    engine.send(run, Play())
    seen = engine.wait(run, lambda s: s.severity == "error")
    assert seen.state == "paused"
    assert "the run comes apart" in seen.message
    engine.send(run, Play())
    seen = engine.wait(run, lambda s: "not finite" in s.message)
    assert seen.state == "paused"
    assert "smaller learning rate, λ₁" in seen.message
    assert f"the run is at step {seen.step}" in seen.message
    assert math.isfinite(seen.record.loss)
    assert seen.history.step[-1] == seen.step == seen.kept_steps[-1]
    engine.do(run, Change({"lr": 0.01}))
    assert engine.do(run, Step()).step == seen.step + 1


def test_a_solve_without_an_answer_is_told_and_then_taken_back(engine):
    # Without damping the cubic term is gone, and the model of a network falls without limit.
    run = engine.ready(MOONS)
    engine.do(run, Step(3))
    engine.send(run, Change({"damping": 0.0}))
    engine.send(run, Play())
    seen = engine.wait(run, lambda s: s.severity == "warning")
    assert "unbounded" in seen.message
    assert "stay as they were" in seen.message
    assert seen.state == "playing"
    engine.send(run, Change({"damping": 10.0}))
    engine.wait(run, lambda s: s.record.damping == 10.0 and s.message == "")


def test_thirty_runs_take_fair_turns(engine):
    runs = [engine.open(FAST.changed(seed=k)) for k in range(30)]
    for run in runs:
        engine.wait(run, lambda s: s.levels)
    for run in runs:
        engine.send(run, Play())
    engine.wait(runs[0], lambda s: s.step > 60)
    steps = sorted(engine.do(run, Pause()).step for run in runs)
    begun = [engine.snapshot(run).step for run in runs]
    assert min(begun) >= 0.5 * steps[15]


def test_slow_motion_holds_back_one_run_only(engine):
    slow, fast = engine.ready(FAST), engine.ready(FAST)
    engine.send(slow, Pace(2.0))
    for run in (slow, fast):
        engine.send(run, Play())
    engine.wait(fast, lambda s: s.step > 300)
    engine.wait(slow, lambda s: s.step >= 1)
    assert engine.snapshot(slow).step < engine.snapshot(fast).step / 5
    engine.send(slow, Pace())
    engine.wait(slow, lambda s: s.step > 100)


def test_what_is_seen_cannot_be_written_to_or_moved(engine):
    run = engine.ready(MOONS)
    seen = engine.do(run, Step(2))
    losses = seen.history.loss.copy()
    with pytest.raises(ValueError, match="read-only"):
        seen.record.H[0, 0] = 1.0
    engine.do(run, Step(3))
    np.testing.assert_array_equal(seen.history.loss, losses)


def test_a_run_that_is_not_there_is_answered(engine):
    for call in (
        lambda: engine.snapshot("run-0"),
        lambda: engine.send("run-0", Play()),
        lambda: engine.branch("run-0"),
    ):
        with pytest.raises(InputError, match="unknown run 'run-0'"):
            call()


def test_a_closed_run_is_gone(engine):
    run = engine.engine.open(MOONS)
    engine.send(run, Play())
    engine.engine.close_run(run)
    with pytest.raises(InputError, match="unknown run"):
        engine.snapshot(run)
    other = engine.ready(MOONS)
    assert engine.do(other, Step()).step == 1


def test_what_are_no_settings_open_nothing(engine):
    with pytest.raises(InputError, match=r"open takes settings, as .*; got 'moons'\."):
        engine.open("moons")


@pytest.mark.parametrize("kind", [ProcessEngine, ThreadEngine])
def test_what_is_no_folder_is_recorded_to_by_nobody(kind):
    for given in (3, "a\0b"):
        with pytest.raises(InputError, match="record_dir must be a path"):
            kind(record_dir=given)
