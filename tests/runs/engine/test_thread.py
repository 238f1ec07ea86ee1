"""What only a thread can do: take over a run of this program."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from gnlab.errors import InputError
from gnlab.runs import Change, Play, Run, Settings, Step, ThreadEngine
from gnlab.runs.engine import loop


@pytest.fixture
def own_engine():
    engine = ThreadEngine()
    yield engine
    engine.close()


def test_a_run_that_exists_is_taken_over(own_engine, until):
    run = Run("moons")
    run.step()
    adopted = own_engine.adopt(run)
    own_engine.send(adopted, Step(2))
    seen = until(lambda: own_engine.snapshot(adopted), lambda s: s.step == 3)
    assert own_engine.run(adopted) is run
    assert seen.record is run.record
    assert run.history.step.tolist() == [1, 2, 3]


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_a_step_has_its_own_number_of_threads_and_nobody_else_another(threads, until, own_problem):
    seen = {}

    class Counting(nn.Linear):
        def forward(self, x):
            seen["step"] = torch.get_num_threads()
            torch.ones(100_000).exp()  # torch has shared out work by now
            seen["after"] = torch.get_num_threads()
            return super().forward(x)

    def ask(name):
        seen[name] = torch.get_num_threads()

    before = torch.get_num_threads()
    engine = ThreadEngine(threads=threads)
    run = engine.adopt(Run(problem=own_problem(Counting(3, 1))))
    engine.send(run, Step())
    until(lambda: engine.snapshot(run), lambda s: s.step == 1)
    other = threading.Thread(target=ask, args=("other",))
    other.start()
    other.join()
    again = engine.again()
    assert again._threads == threads
    for one in (engine, again):
        one.close()
    half = max(1, min(before, len(os.sched_getaffinity(0)) // 2))
    assert seen["step"] == seen["after"] == (threads or half)
    assert seen["other"] == torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [0, 1.5, True])
def test_a_number_of_threads_out_of_bounds_is_refused(threads):
    with pytest.raises(InputError, match="threads must be"):
        ThreadEngine(threads=threads)


def test_a_fault_in_one_model_pauses_that_run_and_no_other(own_engine, until, caplog):
    run, other = Run("moons"), Run("moons")
    bad, good = own_engine.adopt(run), own_engine.adopt(other)
    own_engine.send(good, Play())
    own_engine.send(bad, Step())
    until(lambda: own_engine.snapshot(bad), lambda s: s.step == 1)

    def broken(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nand more")

    run.model.forward = broken
    own_engine.send(bad, Play())
    seen = until(lambda: own_engine.snapshot(bad), lambda s: s.severity == "error")
    assert (seen.state, seen.step) == ("paused", 1)
    assert "shapes cannot be multiplied" in seen.message
    assert "and more" not in seen.message
    step = own_engine.snapshot(good).step
    until(lambda: own_engine.snapshot(good), lambda s: s.step > step + 3)
    assert "a step of moons failed" in caplog.text
    del run.model.forward
    own_engine.send(bad, Step())
    until(lambda: own_engine.snapshot(bad), lambda s: s.step == 2)


def test_a_fault_in_a_command_does_not_end_the_engine(own_engine, until, caplog):
    run = own_engine.adopt(Run("moons"))

    def broken(**_):
        raise TypeError("nonsense")

    own_engine.run(run)  # the run may not have its seat yet
    until(lambda: own_engine.run(run), lambda found: found is not None)
    own_engine.run(run).change = broken
    own_engine.send(run, Change({"lr": 1.0}))
    until(lambda: own_engine.snapshot(run), lambda s: "nonsense" in s.message)
    own_engine.send(run, Step())
    until(lambda: own_engine.snapshot(run), lambda s: s.step == 1)
    assert "could not be carried out" in caplog.text


def test_who_asks_never_waits_for_a_step(own_engine, until):
    run = own_engine.adopt(Run("moons", damping=1.0))
    model = until(lambda: own_engine.run(run), lambda found: found is not None)
    begun, release, step = threading.Event(), threading.Event(), model.step

    def long():
        begun.set()
        release.wait()
        return step()

    model.step = long
    own_engine.send(run, Step(1))
    begun.wait()
    try:  # the step ends only when all of this has been answered
        number = own_engine.send(run, Change({"damping": 2.0}))
        copy, other = own_engine.branch(run), own_engine.open(Settings("quadratic"))
        own_engine.send(run, Change({"damping": 3.0}))
        assert own_engine.snapshot(run).step == own_engine.snapshot(copy).step == 0
        assert own_engine.snapshot(other).message == "Loading quadratic …"
        own_engine.close_run(other)
    finally:
        release.set()
    seen = until(lambda: own_engine.snapshot(run), lambda s: s.applied > number)
    assert (seen.step, seen.settings.damping) == (1, 3.0)
    seen = until(lambda: own_engine.snapshot(copy), lambda s: s.levels)
    assert (seen.step, seen.settings.damping) == (1, 2.0)


def test_an_engine_that_was_closed_says_so(until):
    closed = ThreadEngine()
    run = closed.adopt(Run("moons"))
    kept = closed.snapshot(run)
    closed.close()
    assert kept.state == "paused"
    assert not any(t.name == "gnlab-engine" and t is closed._thread for t in threading.enumerate())


def test_a_run_of_an_engine_whose_thread_has_stopped_says_so(until, monkeypatch):
    told = []
    monkeypatch.setattr(threading, "excepthook", lambda fault: told.append(fault.exc_type))
    broken = ThreadEngine()
    run = broken.adopt(Run("moons"))
    until(lambda: broken.snapshot(run), lambda s: s.levels)
    broken._loop._post(lambda: 1 / 0)
    broken._thread.join(60)
    seen = broken.snapshot(run)
    assert (seen.state, seen.severity) == ("stopped", "error")
    assert "its thread has stopped" in seen.message
    assert told == [ZeroDivisionError]
    broken.close()


def test_an_engine_that_nobody_holds_ends_and_lets_its_run_go(until):
    thread, run = dropped(until)
    thread.join(60)
    assert not thread.is_alive()
    gc.collect()
    assert run() is None


def dropped(until):
    """The thread and the run of an engine that was playing it and is dropped."""
    engine, run = ThreadEngine(), Run("moons")
    run_id = engine.adopt(run)
    engine.send(run_id, Play())
    until(lambda: engine.snapshot(run_id), lambda s: s.step > 2)
    return engine._thread, weakref.ref(run)


def test_kept_states_of_all_runs_share_the_room(own_engine, until, monkeypatch):
    monkeypatch.setattr(loop, "MEMORY", 1000)
    runs = [own_engine.open(Settings("quadratic")) for _ in range(4)]
    for run in runs:
        until(lambda r=run: own_engine.snapshot(r), lambda s: s.levels)
    budgets = {own_engine.run(run).budget for run in runs}
    assert budgets == {250}


def test_a_persons_own_random_numbers_are_left_alone_by_a_running_engine(own_engine, until):
    run = own_engine.open(Settings("quadratic", optimizer="sgd", lr=1e-4))
    own_engine.send(run, Step(50))
    until(lambda: own_engine.snapshot(run), lambda s: s.step == 50)
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    own_engine.send(run, Step(50))
    until(lambda: own_engine.snapshot(run), lambda s: s.step == 100)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("held", ["engine = ThreadEngine(); engine", "ThreadEngine()"])
@pytest.mark.parametrize("pause", [0.0, 0.1, 0.3])
def test_a_program_may_end_while_a_run_is_loading(pause, held):
    # A thread that is inside torch when the interpreter ends would abort it.
    script = (
        "import time; from gnlab.runs import Settings, ThreadEngine; "
        f"{held}.open(Settings('digits-mlp')); time.sleep({pause})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_another_engine_takes_the_place_of_one_that_has_ended(until, tmp_path):
    ended = ThreadEngine(record_dir=tmp_path)
    assert ended.alive
    ended.close()
    assert not ended.alive
    engine = ended.again()
    run = engine.open(Settings("moons"))
    engine.send(run, Step())
    seen = until(lambda: engine.snapshot(run), lambda s: s.step == 1)
    assert Path(seen.folder).parent == tmp_path
    engine.close()
