"""What only a process can do: die, be killed, outlive its parent."""

import os
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

from gnlab.runs import Change, Play, ProcessEngine, Settings, Step, open_record
from gnlab.runs.engine import board, process

FAST = Settings("quadratic", device="cpu", optimizer="sgd", lr=1e-4)
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc and /dev/shm")


def boards(engine):
    return [p for p in Path("/dev/shm").iterdir() if p.name.startswith(engine._prefix)]


@ON_LINUX
def test_a_killed_engine_is_noticed_and_what_was_written_is_readable(tmp_path, until):
    engine = ProcessEngine(record_dir=tmp_path, pinned=False)
    run = engine.open(FAST)
    engine.send(run, Play())

    def written():
        begun = [store.parent.parent for store in tmp_path.glob("*/run.zarr/zarr.json")]
        parts = [part for folder in begun for part in open_record(folder).parts]
        return len(parts[0].step) if parts else 0

    until(lambda: engine.snapshot(run), lambda s: s.folder)
    count = until(written, lambda found: found > 10)
    os.kill(engine.pid, signal.SIGKILL)
    seen = until(lambda: engine.snapshot(run), lambda s: s.state == "stopped")
    assert seen.severity == "error"
    assert "SIGKILL" in seen.message
    assert engine.snapshot(run, seen.version) is None
    assert not engine.alive
    engine.send(run, Step())
    record = open_record(next(tmp_path.iterdir()))
    steps = record.parts[0].step.values
    assert len(steps) >= count
    assert steps.tolist() == list(range(1, len(steps) + 1))
    assert record.parts[0].loss.notnull().all()
    assert seen.folder == str(record.folder)
    engine.close()
    assert boards(engine) == []


@ON_LINUX
def test_of_an_engine_that_was_told_to_end_the_last_step_is_seen(until):
    engine = ProcessEngine(pinned=False)
    run = engine.open(Settings("moons", device="cpu", partition="unit"))
    until(lambda: engine.snapshot(run), lambda s: s.levels)
    engine.send(run, Change({"partition": "row:4"}))  # its matrices need a larger segment
    number = engine.send(run, Step())
    reader = engine._readers[run]  # nobody else looks meanwhile
    until(lambda: reader._segment.header[board._NEXT], lambda larger: larger)
    os.kill(engine.pid, signal.SIGTERM)
    engine._process.join(60)
    seen = engine.snapshot(run)
    assert (seen.step, seen.applied) == (1, number)
    ended = engine.snapshot(run, seen.version)
    assert ended.state == "stopped"
    assert "its process left with code 0" in ended.message
    engine.close()
    assert boards(engine) == []


@ON_LINUX
def test_another_engine_takes_the_place_of_one_that_has_ended(tmp_path, until):
    cores = {max(os.sched_getaffinity(0))}
    ended = ProcessEngine(record_dir=tmp_path, pinned=cores, most_groups=1)
    os.kill(ended.pid, signal.SIGKILL)
    until(lambda: ended.alive, lambda alive: not alive)
    engine = ended.again()
    run = engine.open(FAST)
    engine.send(run, Step(2))
    seen = until(lambda: engine.snapshot(run), lambda s: s.step == 2)
    assert os.sched_getaffinity(engine.pid) == cores
    assert [bool(level.refusal) for level in seen.levels] == [False, True]
    assert Path(seen.folder).parent == tmp_path
    engine.close()
    ended.close()
    assert not engine.alive


@pytest.fixture
def stopped(until):
    """An engine that takes nothing, as one deep inside a step that keeps Python's lock."""
    engine = ProcessEngine(pinned=False)
    run = engine.open(FAST)
    until(lambda: engine.snapshot(run), lambda s: s.levels)
    os.kill(engine.pid, signal.SIGSTOP)
    yield engine, run
    if engine.alive:
        os.kill(engine.pid, signal.SIGCONT)
    engine.close()


def talk(engine, run, count):
    """What a page's event loop does, and more often than a pipe has room for."""
    asked = []

    def ask():
        for k in range(count):
            engine.send(run, Change({"lr": k / count}))
        asked.append((engine.branch(run), engine.open(FAST), engine.snapshot(run)))
        engine.close_run(engine.open(FAST))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    return asking, asked


@ON_LINUX
def test_who_asks_never_waits_for_the_engine(stopped, until):
    engine, run = stopped
    asking, asked = talk(engine, run, 3000)
    until(asking.is_alive, lambda alive: not alive)
    ((copy, other, seen),) = asked
    assert (seen.step, seen.settings.lr) == (0, FAST.lr)
    os.kill(engine.pid, signal.SIGCONT)
    number = engine.send(run, Step(2))
    after = until(lambda: engine.snapshot(run), lambda s: s.applied >= number and s.step == 2)
    assert after.settings.lr == 2999 / 3000
    for opened in (copy, other):
        until(lambda o=opened: engine.snapshot(o), lambda s: s.levels)


@ON_LINUX
def test_an_engine_that_hears_nothing_is_ended_by_force(stopped, until, monkeypatch):
    engine, run = stopped
    monkeypatch.setattr(process, "_PATIENCE", 0.1)
    asking, _ = talk(engine, run, 3000)
    until(asking.is_alive, lambda alive: not alive)
    engine.close()
    assert not engine.alive
    assert boards(engine) == []


@ON_LINUX
def test_a_message_that_makes_no_sense_ends_nothing(until, capfd, monkeypatch):
    # A value whose class the engine's process cannot find.
    here = type("Here", (), {"__module__": "only_here"})
    monkeypatch.setitem(sys.modules, "only_here", types.SimpleNamespace(Here=here))
    engine = ProcessEngine(pinned=False)
    run = engine.open(FAST)
    engine.send(run, Change({"lr": here()}))
    engine.send(run, Step(2))
    assert until(lambda: engine.snapshot(run), lambda s: s.step == 2).message == ""
    engine.close()
    assert "a message could not be read" in capfd.readouterr().err


PARENT = """
import os, sys, time
from gnlab.runs import Play, ProcessEngine, Settings, Step
if __name__ == "__main__":
    engine = ProcessEngine(record_dir=sys.argv[2], pinned=False)
    run = engine.open(Settings("quadratic", device="cpu", optimizer="sgd", lr=1e-4))
    engine.send(run, Step(200))
    while engine.snapshot(run).step < 200:
        time.sleep(0.01)
    engine.send(run, Play())
    sys.stdout.write(f"{engine.pid} {engine._prefix}\\n")
    sys.stdout.flush()
    if sys.argv[1] == "wait":
        time.sleep(600)
"""


def start_parent(tmp_path, how):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    return subprocess.Popen(
        [sys.executable, str(script), how, str(tmp_path / "records")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def told(parent):
    """The engine's process number and the prefix of its boards, as the parent says them."""
    pid, prefix = parent.stdout.readline().split()
    return int(pid), prefix


def gone(pid):
    """Whether a process has ended (it may wait for its parent to take notice)."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def steps_written(tmp_path):
    (part,) = open_record(next((tmp_path / "records").iterdir())).parts
    return part.step.values.tolist()


def left_over(prefix):
    return [p.name for p in Path("/dev/shm").iterdir() if p.name.startswith(prefix)]


@ON_LINUX
def test_the_engine_ends_when_its_parent_is_killed(tmp_path, until):
    with start_parent(tmp_path, "wait") as parent:
        pid, prefix = told(parent)
        parent.kill()
        parent.wait()
        until(lambda: gone(pid), bool)
        until(lambda: left_over(prefix), lambda names: not names)
        assert parent.stderr.read() == ""
    written = steps_written(tmp_path)
    assert len(written) >= 200
    assert written == list(range(1, len(written) + 1))


@ON_LINUX
def test_a_program_that_forgets_to_close_ends_cleanly(tmp_path, until):
    with start_parent(tmp_path, "end") as parent:
        pid, prefix = told(parent)
        assert parent.wait(60) == 0
        until(lambda: gone(pid), bool)
        assert left_over(prefix) == []
        assert parent.stderr.read() == ""
    assert len(steps_written(tmp_path)) >= 200


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a program choose its cores")
def test_engine_and_server_share_no_core_where_there_are_two():
    from gnlab.runs.engine import cores

    server, engine = cores.split()
    available = os.sched_getaffinity(0)
    assert server | engine == available
    assert (server & engine == set()) == (len(available) > 1)
