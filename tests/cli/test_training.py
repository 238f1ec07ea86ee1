"""``gnlab train``: it reaches its goal, saves, goes on, and says what is wrong in one line."""

import errno
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

import gnlab
from gnlab import runs
from gnlab.cli import training
from gnlab.runs.disk import part
from gnlab.runs.disk.lock import alone_in

QUICK = ("moons", "--optimizer", "sgd", "--seed", "1")


@pytest.fixture
def train(run):
    """Calls ``gnlab train`` on a quick run, into a folder."""
    return lambda folder, *arguments: run("train", *QUICK, "--out", str(folder), *arguments)


def test_train_goes_to_the_step_asked_for_and_saves(tmp_path, train):
    code, out, _ = train(tmp_path, "--steps", "5")
    assert code == 0
    assert "step 5" in out
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").step_count == 5


def test_train_shows_how_far_it_is(tmp_path, train):
    _, _, err = train(tmp_path, "--steps", "5")
    last = err.rstrip().rpartition("\r")[2]
    assert "100%" in last
    assert "5/5" in last
    assert f"loss={gnlab.Run.load(tmp_path / 'checkpoint.pt').record.loss:.4g}" in last


@pytest.mark.parametrize(("option", "on"), [("--no-safeguard", False), ("--safeguard", True)])
def test_the_safeguard_can_be_switched(option, on, tmp_path, train):
    train(tmp_path, "--steps", "1", option)
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").settings.safeguard is on


def test_every_step_is_in_the_record(tmp_path, train):
    train(tmp_path, "--steps", "4")
    train(tmp_path, "--steps", "7")
    parts = runs.open_record(tmp_path).parts
    assert [int(step) for part in parts for step in part["step"]] == [1, 2, 3, 4, 5, 6, 7]


def test_without_a_folder_a_new_one_is_made_where_runs_are_kept(tmp_path, monkeypatch, run):
    monkeypatch.setenv("GNLAB_RUNS", str(tmp_path))
    run("train", *QUICK, "--steps", "2")
    run("train", *QUICK, "--steps", "2")
    assert len(list(tmp_path.glob("*/run.zarr"))) == 2


def test_train_an_epoch_is_all_the_data_once(tmp_path, train):
    train(tmp_path, "--epochs", "2")
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").epoch == 2.0


def test_the_same_command_goes_on_where_it_was(tmp_path, train):
    train(tmp_path / "in two", "--steps", "4")
    code, out, _ = train(tmp_path / "in two", "--steps", "9")
    assert code == 0
    assert "going on at step 4" in out
    train(tmp_path / "at once", "--steps", "9")
    losses = [gnlab.Run.load(tmp_path / name / "checkpoint.pt").record.loss for name in
              ("in two", "at once")]  # fmt: skip
    assert losses[0] == losses[1]


def test_a_run_that_is_there_already_is_left_alone(tmp_path, train):
    train(tmp_path, "--steps", "4")
    code, out, _ = train(tmp_path, "--steps", "3")
    assert code == 0
    assert "already" in out
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").step_count == 4


def test_another_run_is_never_written_over(tmp_path, fails, train):
    train(tmp_path, "--steps", "2")
    error = fails("train", *QUICK, "--out", str(tmp_path), "--lr", "0.25", "--steps", "9")
    assert "lr" in error
    assert "0.25" in error
    assert "--out" in error
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").step_count == 2


def test_a_folder_in_which_another_trains_is_left_alone(tmp_path, fails, train):
    train(tmp_path, "--steps", "2")
    before = sorted(tmp_path.rglob("*"))
    with ThreadPoolExecutor(1) as other, alone_in(tmp_path):
        again = ("train", *QUICK, "--out", str(tmp_path), "--steps", "9")
        error = other.submit(fails, *again).result()
    assert "another training is writing in" in error
    assert "--out" in error
    assert sorted(tmp_path.rglob("*")) == before
    assert train(tmp_path, "--steps", "9")[0] == 0


@pytest.fixture
def ctrl_c():
    """Ctrl-C as in a terminal: a shell's background job starts with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interruption_saves_the_last_whole_step(tmp_path, monkeypatch, train):
    step = gnlab.Run.step

    def interrupted(self):
        record = step(self)
        if record.step == 3:
            signal.raise_signal(signal.SIGINT)
        return record

    monkeypatch.setattr(gnlab.Run, "step", interrupted)
    code, out, _ = train(tmp_path, "--steps", "1000")
    assert code == 0
    assert "step 3" in out
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").step_count == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_cannot_go_on_says_why_and_keeps_its_last_good_step(tmp_path, run):
    choices = ("rosenbrock", "--optimizer", "sgd", "--lr", "1000", "--steps", "50")
    code, _, err = run("train", *choices, "--out", str(tmp_path))
    assert code == 1
    assert "not finite" in err
    assert "Traceback" not in err
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").step_count < 50


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["moon"], "'moons'"),
        (["own:x"], "'own:x' is the name of a problem of one's own"),
        (["moons", "--optimizer", "grouped-newtn"], "'grouped-newton'"),
        (["moons", "--partition", "tensr"], "'tensor'"),
        (["moons", "--lr", "-1"], "lr must be"),
        (["moons", "--damping", "nan"], "damping must be"),
        (["moons", "--steps", "0"], "--steps must be"),
        (["moons", "--epochs", "-2"], "--epochs must be"),
        (["moons", "--epochs", "inf"], "--epochs must be a finite number"),
        (["moons", "--epochs", "1e300"], "--epochs must be a finite number in (0, 1e+09]"),
        (["moons", "--epochs", "nan"], "--epochs must be a finite number"),
        (["moons", "--steps", "many"], "invalid int value: 'many'"),
        (["moons", "--batch-size", "100000"], "--batch-size must be at most"),
        ([], "PRESET"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(tmp_path, arguments, expected, fails):
    assert expected in fails("train", *arguments, "--out", str(tmp_path / "run"))


@pytest.mark.parametrize(("below", "why"), [("", "File exists"), ("run", "Not a directory")])
def test_a_folder_that_cannot_be_written_is_one_line(below, why, tmp_path, fails):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    error = fails("train", *QUICK, "--steps", "2", "--out", str(tmp_path / "file" / below))
    assert why in error
    assert "another" in error


def test_a_folder_that_has_no_name_or_too_long_a_one_is_one_line(fails):
    assert "--out" in fails("train", *QUICK, "--steps", "2", "--out", "")
    error = fails("train", *QUICK, "--steps", "2", "--out", "a" * 300)
    assert "File name too long" in error
    assert "--out" in error


def test_a_record_that_cannot_be_made_is_an_error_before_the_first_step(tmp_path, run):
    (tmp_path / "run.zarr").write_text("in the way", encoding="utf-8")
    code, out, err = run("train", *QUICK, "--steps", "5", "--out", str(tmp_path))
    assert code == 2
    assert out == ""
    assert "File exists; it has no step" in err
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").step_count == 0


@pytest.fixture
def full(monkeypatch):
    """Lets the disk be full from the moment when a run has made so many steps."""

    def at(step):
        write = part.Part.append

        def append(self, records):
            if records[-1].step >= step:
                raise OSError(errno.ENOSPC, "No space left on device")
            yield from write(self, records)

        monkeypatch.setattr(runs.run, "_FLUSH_SECONDS", -1.0)
        monkeypatch.setattr(part.Part, "append", append)

    return at


def test_a_record_that_ends_on_the_way_is_told_and_the_run_saved(tmp_path, full, train):
    full(4)
    code, out, err = train(tmp_path, "--steps", "9")
    assert code == 1
    assert "not recorded to its end; its checkpoint is in" in out
    assert "\ngnlab: " in err.replace("\r", "\n")
    assert "No space left on device; it ends at step 3" in err
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").step_count == 9


def test_a_record_whose_last_steps_cannot_be_written_is_told_and_the_run_saved(
    tmp_path, monkeypatch, train
):
    def never(_self, _records):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs.run, "_FLUSH_SECONDS", 1e9)
    monkeypatch.setattr(part.Part, "append", never)
    code, out, err = train(tmp_path, "--steps", "4")
    assert code == 1
    assert "No space left on device; it has no step" in err
    assert "step 4" in out
    assert "recorded in" not in out
    assert gnlab.Run.load(tmp_path / "checkpoint.pt").step_count == 4


def test_a_checkpoint_on_the_way_that_cannot_be_written_does_not_end_the_run(
    tmp_path, monkeypatch, train
):
    save, calls = gnlab.Run.save, []

    def sometimes(self, path):
        calls.append(self.step_count)
        if self.step_count == 2:
            raise gnlab.InputError("the run cannot be written.")
        save(self, path)

    monkeypatch.setattr(gnlab.Run, "save", sometimes)
    monkeypatch.setattr(training, "SAVE_EVERY", -1.0)
    code, _, err = train(tmp_path, "--steps", "3")
    assert (code, calls) == (0, [0, 1, 2, 3, 3])
    assert "gnlab: the run cannot be written. The run goes on." in err


def test_an_interruption_before_the_first_step_is_one_line(tmp_path, monkeypatch, train):
    def interrupted(_settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "Run", interrupted)
    assert train(tmp_path, "--steps", "4") == (130, "", "gnlab: interrupted.\n")
