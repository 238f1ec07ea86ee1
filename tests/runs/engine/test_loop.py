"""The loop, driven by hand: what happens between two steps, one round at a time."""

import pytest

from gnlab.runs import Change, Play, Run, Settings, Step, open_record
from gnlab.runs.engine import loaders, loop
from gnlab.runs.engine.loop import Loop
from gnlab.runs.engine.seat import Seat

FAST = Settings("quadratic", device="cpu")


class Boards:
    """Keeps the newest snapshots, and those of closed runs apart."""

    def __init__(self):
        self.latest, self.closed, self.late = {}, set(), []

    def publish(self, run_id, snapshot):
        if run_id in self.closed:
            self.late.append(run_id)
        self.latest[run_id] = snapshot

    def forget(self, run_id):
        self.closed.add(run_id)


@pytest.fixture
def boards():
    return Boards()


@pytest.fixture
def driven(boards, tmp_path):
    """A loop without a thread, which records itself."""
    return Loop(boards, tmp_path)


def test_a_run_that_is_closed_during_anothers_step_makes_none(driven, boards, tmp_path):
    first, second = Run(FAST), Run(FAST)
    for number, (name, run) in enumerate({"first": first, "second": second}.items()):
        driven.adopt(name, run)
        driven.send(name, number, Play())
    step = first.step

    def closing():
        driven.close_run("second")
        return step()

    first.step = closing
    driven._round()
    driven._record(idle=True)
    assert (first.step_count, second.step_count) == (1, 0)
    assert boards.late == []
    assert len(list(tmp_path.iterdir())) == 1


def test_a_run_that_is_closed_during_its_own_step_has_recorded_it(driven, boards, tmp_path):
    run = Run(FAST)
    driven.adopt("run", run)
    driven.send("run", 1, Play())
    step = run.step

    def closing():
        driven.close_run("run")
        return step()

    run.step = closing
    driven._round()
    driven._round()
    driven._record(idle=True)
    assert boards.late == []
    (folder,) = tmp_path.iterdir()
    assert open_record(folder).parts[0].step.values.tolist() == [1]


def test_what_was_posted_is_done_without_any_run(driven):
    done = []
    driven._post(lambda: done.append(True))
    driven._round()
    assert done == [True]


def test_a_run_can_be_opened_while_others_are_counted(driven, monkeypatch):
    for name in ("first", "second"):
        driven.adopt(name, Run(FAST))
    driven._round()
    late = iter(("third", "fourth"))

    def playing(_):
        driven.adopt(next(late), Run(FAST))  # as another thread may at any moment
        return True

    monkeypatch.setattr(Seat, "playing", property(playing))
    assert driven._rate_allows(driven._seats["first"]) in {True, False}


def test_what_nobody_wants_any_more_is_not_loaded(driven, monkeypatch):
    driven.adopt("run", Run(FAST))
    driven._round()
    loaded = []
    monkeypatch.setattr(loaders, "Run", lambda settings: loaded.append(settings) or Run(settings))
    driven._load("closed", FAST)
    driven._load("run", Settings("moons"))
    driven.open("wanted", FAST)
    driven._round()
    driven._loaders.wait()
    assert loaded == [FAST]


def test_copies_and_runs_taken_over_share_the_room_too(driven, monkeypatch):
    monkeypatch.setattr(loop, "MEMORY", 1000)
    run = Run(FAST)
    driven.adopt("run", run)
    driven._round()
    assert run.budget == 1000
    driven.send("run", 1, loop.Branch("copy"))
    driven._round()
    driven._round()
    assert {run.budget, driven.run_of("copy").budget} == {500}


def test_a_copy_of_a_run_that_is_closed_takes_nothing(driven, boards):
    driven.adopt("run", Run(FAST))
    driven.close_run("run")
    driven.send("run", 1, loop.Branch("copy"))
    driven.send("copy", 2, Step())
    driven._round()
    driven.send("copy", 3, Step())
    assert driven.run_of("copy") is None
    assert "copy" not in boards.latest
    assert "copy" not in driven._coming  # what it was sent is let go


def test_a_fault_of_the_engine_itself_loses_no_finished_step(tmp_path):
    class Broken(Boards):
        def publish(self, run_id, snapshot):
            if snapshot.step == 3:
                raise RuntimeError("no way to publish")

    driven = Loop(Broken(), tmp_path)
    driven.adopt("run", Run(FAST))
    driven.send("run", 1, Step(3))
    with pytest.raises(RuntimeError, match="no way to publish"):
        driven.run()
    (folder,) = tmp_path.iterdir()
    (part,) = open_record(folder).parts
    assert part.step.values.tolist() == [1, 2, 3]


def test_a_copy_is_of_the_run_as_it_was_when_it_was_asked_for(driven):
    run = Run(FAST)
    driven.adopt("run", run)
    driven._round()
    driven.send("run", 1, Change({"damping": 2.0}))
    driven.send("run", 2, loop.Branch("copy"))
    driven.send("run", 3, Change({"damping": 3.0}))
    driven.send("run", 4, Play())
    driven._round()
    driven._round()
    assert driven.run_of("copy").settings.damping == 2.0
    assert driven.run_of("copy").step_count == 0
    assert run.settings.damping == 3.0
    assert run.step_count > 0  # the run itself is not paused by it


def test_a_command_waits_for_one_step_and_not_for_a_whole_round(driven, boards):
    taken = []
    for number, name in enumerate(("first", "second", "third")):
        run = Run(FAST)
        driven.adopt(name, run)
        driven.send(name, number, Play())

        def step(name=name, step=run.step):
            shown = boards.latest.get("first")
            taken.append((name, shown and shown.applied))
            if name == "second":
                driven.send("first", 9, Change({"damping": 7.0}))
            return step()

        run.step = step
    driven._round()
    assert taken == [("first", None), ("second", 0), ("third", 9)]
    assert boards.latest["first"].settings.damping == 7.0
