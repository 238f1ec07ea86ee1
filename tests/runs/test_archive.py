"""The recordings of an engine's runs: how much they may take."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from gnlab.runs import Run, Settings, archive, open_record


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
