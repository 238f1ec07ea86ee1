"""Copies of runs, which either engine makes."""

import pytest

from gnlab.runs import Change, Play, Settings, Step, Substep

MOONS = Settings("moons", device="cpu")
FAST = Settings("quadratic", device="cpu", optimizer="sgd", lr=1e-4)


def test_a_branch_goes_its_own_way(engine):
    run = engine.ready(MOONS)
    engine.do(run, Step(2))
    copy = engine.branch(run)
    opened = engine.wait(copy, lambda s: s.levels)
    assert (opened.step, opened.state, opened.kept_steps) == (2, "paused", (0, 1, 2))
    engine.do(copy, Change({"damping": 50.0}))
    other, same = engine.do(copy, Step(2)), engine.do(run, Step(2))
    assert other.record.loss != same.record.loss
    assert engine.snapshot(run).settings == MOONS


def test_a_branch_leaves_the_run_playing(engine):
    run = engine.ready(FAST)
    engine.send(run, Play())
    copy = engine.branch(run)
    opened = engine.wait(copy, lambda s: s.levels)
    assert opened.state == "paused"
    step = engine.snapshot(run).step
    engine.wait(run, lambda s: s.step > step + 5)
    assert engine.snapshot(copy).step == opened.step


@pytest.mark.parametrize("loaded", [True, False])
def test_what_a_branch_is_sent_at_once_is_done(engine, loaded):
    run = engine.ready(MOONS) if loaded else engine.open(MOONS)
    engine.send(run, Substep())  # amid a step a run waits for commands
    copy = engine.branch(run)
    other = engine.branch(copy)
    number = engine.send(copy, Step(2))
    later = engine.send(other, Change({"damping": 50.0}))
    assert engine.wait(copy, lambda s: s.applied >= number and s.step == 2).state == "paused"
    assert engine.wait(other, lambda s: s.applied >= later and s.levels).settings.damping == 50.0
    assert engine.snapshot(copy).settings == MOONS
