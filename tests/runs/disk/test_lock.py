"""One training at a time in a folder; a process that is killed holds nothing."""

import subprocess
import sys
import threading

import pytest

from gnlab import InputError
from gnlab.runs import Run, open_record, resume, train
from gnlab.runs.disk.lock import NAME, alone_in

HOLDER = """
import sys
from pathlib import Path
from gnlab.runs.disk.lock import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def enter(folder):
    with alone_in(folder):
        pass


def test_a_folder_that_another_process_holds_is_refused_and_left_as_it_is(tmp_path, holder):
    assert holder.poll() is None
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"another training is writing in .*another folder"):
        train(Run("moons"), steps=2, out=tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_another_process_trains_is_not_resumed_or_recorded_into(tmp_path, holder):
    Run("moons").save(tmp_path / "checkpoint.pt")
    before = sorted(tmp_path.rglob("*"))
    run = Run("moons")
    for begin in (
        lambda: resume(tmp_path),
        lambda: run.record_to(tmp_path),
        lambda: Run("moons", record=tmp_path),
    ):
        with pytest.raises(InputError, match="another training is writing in"):
            begin()
    assert sorted(tmp_path.rglob("*")) == before
    run.step()
    run.flush()
    assert sorted(tmp_path.rglob("*")) == before
    holder.kill()
    holder.wait()
    run = resume(tmp_path)
    run.record_to(tmp_path)
    run.step()
    run.flush()
    [part] = open_record(tmp_path).parts
    assert part.step.values.tolist() == [1]


def test_asking_for_what_is_not_there_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError):
        resume(tmp_path / "a")
    Run("moons").record_to(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_killed_holds_nothing(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / NAME).exists()
    train(Run("moons"), steps=2, out=tmp_path)
    assert resume(tmp_path).step_count == 2


def test_another_thread_is_refused_as_well(tmp_path):
    caught = []

    def other():
        try:
            enter(tmp_path)
        except InputError as error:
            caught.append(str(error))

    with alone_in(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(caught) == 1
    other()
    assert len(caught) == 1


def test_who_holds_a_folder_may_ask_again_and_holds_it_to_the_end(tmp_path):
    with alone_in(tmp_path):
        enter(tmp_path / "." / "")
        assert (tmp_path / NAME).exists()
    assert not (tmp_path / NAME).exists()


def test_a_folder_in_which_nothing_is_written_is_not_left_behind(tmp_path):
    with alone_in(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / NAME).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_left_to_who_writes_in_it(tmp_path):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    enter(tmp_path / "file" / "below")
    enter(tmp_path / "file")
    enter(tmp_path / ("a" * 300))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
