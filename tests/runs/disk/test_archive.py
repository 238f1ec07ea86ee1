"""The recordings of an engine's runs: how much they may take."""

import errno
import itertools
import math
import os
import shutil
import types
from pathlib import Path

import pytest

from gnlab.runs import Run, Settings, open_record
from gnlab.runs.disk import archive, part
from gnlab.runs.disk.recording import Recording


@pytest.fixture
def run():
    return Run(Settings("moons"))


def test_what_is_recorded_unasked_takes_little_room(tmp_path, monkeypatch, run):
    monkeypatch.setattr(archive, "MATRIX_BYTES", 2**16)
    written = archive.Archive(tmp_path)
    for _ in range(256):
        written.add("one", run.step(), run.settings)
    written.forget("one")
    (folder,) = tmp_path.iterdir()
    (part,) = open_record(folder).parts
    held = part.H.notnull().all(("group", "group_")).values
    assert part.step.size == 256
    assert held[0]
    assert 0 < held.sum() < 256
    assert part.loss.notnull().all()


def test_a_disk_is_not_filled(tmp_path, monkeypatch, run):
    usage = shutil.disk_usage(tmp_path)
    full = type(usage)(usage.total, usage.total - 10 * 2**20, 10 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: full)
    written = archive.Archive(tmp_path / "not" / "made")
    written.add("one", run.step(), run.settings)
    run_id, why = written.write(idle=True)
    assert run_id == "one"
    assert "has 10 MiB left" in why
    assert not os.listdir(tmp_path)
    written.add("one", run.step(), run.settings)
    assert written.write(idle=True) is None
    written.add("two", run.step(), run.settings)
    written.forget("two")  # nor by what still waits when a run is closed
    assert not os.listdir(tmp_path)


def test_a_new_start_is_recorded_where_there_is_room_again(tmp_path, monkeypatch, run):
    usage = shutil.disk_usage(tmp_path)
    written = archive.Archive(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _folder: type(usage)(2**30, 2**30, 0))
        written.add("one", run.step(), run.settings)
        assert "has 0 MiB left" in written.write(idle=True)[1]
        again = Run(Settings("moons", seed=1))
        written.add("one", again.step(), again.settings)
        assert "has 0 MiB left" in written.write(idle=True)[1]  # told of each start
        written.add("one", again.step(), again.settings)
        assert written.write(idle=True) is None
    written.add("one", again.step(), again.settings)
    assert written.folder("one") == ""  # a record without its first steps would be none
    another = Run(Settings("moons", seed=2))
    written.add("one", another.step(), another.settings)
    assert written.write(idle=True) is None
    assert open_record(Path(written.folder("one"))).parts[0].step.values.tolist() == [1]


def test_a_folder_that_may_not_be_looked_at_ends_the_recording_alone(tmp_path, monkeypatch, run):
    def closed(_folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "exists", closed)
    written = archive.Archive(tmp_path / "closed" / "runs")
    written.add("one", run.step(), run.settings)
    run_id, why = written.write(idle=True)
    assert run_id == "one"
    assert f"{str(tmp_path / 'closed' / 'runs')!r}: Permission denied" in why
    written.add("one", run.step(), run.settings)
    assert written.write(idle=True) is None


@pytest.fixture
def files(monkeypatch):
    """The files written so far, and no waiting for the time to write."""
    found, replace = [], part._replace
    monkeypatch.setattr(part, "_replace", lambda *file: found.append(file[0]) or replace(*file))
    monkeypatch.setattr(archive, "_DELAY", 0.0)
    monkeypatch.setattr(archive, "_PIECE", 0.0)
    return found


def test_while_runs_step_a_record_is_written_in_pieces(tmp_path, run, files):
    """A slider is dragged: each level is a part, and to begin one takes as long as some steps."""
    written = archive.Archive(tmp_path)
    for level in ("all", "role", "tensor"):
        run.change(partition=level)
        written.add("one", run.step(), run.settings)
    pieces = []
    while written._recordings["one"].waiting:
        before = len(files)
        assert written.write(idle=False) is None
        pieces.append(len(files) - before)
    assert max(pieces) <= 3  # the end of a part, and what the next one says of itself
    assert len(pieces) > 3 * 20
    parts = open_record(next(tmp_path.iterdir())).parts
    assert [found.attrs["partition"] for found in parts] == ["all", "role", "tensor"]
    assert all(found.loss.notnull().all() for found in parts)


def test_a_record_that_falls_behind_gets_as_much_time_as_the_steps(tmp_path, monkeypatch, run):
    given, clock = [], itertools.count(100.0, 10.0)
    monkeypatch.setattr(Recording, "write_for", lambda _, seconds: given.append(seconds))
    monkeypatch.setattr(archive, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    written = archive.Archive(tmp_path)
    written.add("one", run.step(), run.settings)
    record = written._recordings["one"]
    for mib in (9, 9, 33, 129):
        record._bytes = mib * 2**20
        written.write(idle=False)
    passed = given[1] / 0.2  # between two pieces, the first of which took half of it
    assert given[1:] == [0.2 * passed, 0.5 * passed, math.inf]
    assert record.overfull


def test_what_comes_while_a_record_is_written_waits_for_the_next_round(tmp_path, run, files):
    written = archive.Archive(tmp_path)
    written.add("one", run.step(), run.settings)
    for _ in range(10):
        written.write(idle=False)
        written.add("one", run.step(), run.settings)
    begun = len(files)
    while written._current is not None:
        written.write(idle=False)
    assert written._recordings["one"].waiting == 10
    assert len(files) > begun
    assert len(open_record(next(tmp_path.iterdir())).parts[0].step) == 1
    written.write(idle=True)
    assert len(open_record(next(tmp_path.iterdir())).parts[0].step) == 11


def test_a_run_that_is_closed_while_it_is_written_loses_no_step(tmp_path, run, files):
    written = archive.Archive(tmp_path)
    for _ in range(6):
        written.add("one", run.step(), run.settings)
        written.write(idle=False)
    assert files
    written.forget("one")
    (only,) = open_record(next(tmp_path.iterdir())).parts
    assert only.step.values.tolist() == [1, 2, 3, 4, 5, 6]
