"""The command line: what it shows, and that a mistake is one line and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import gnlab
from gnlab import cli
from gnlab.cli import commands, info
from gnlab.cli.commands import COMMANDS, SETTINGS
from gnlab.cli.output import NoReaderError
from gnlab.partitions import LEVELS


def test_info_names_versions_devices_and_data(tmp_path, monkeypatch, run):
    monkeypatch.setenv("GNLAB_DATA", str(tmp_path))
    code, out, _ = run("info")
    assert code == 0
    for expected in (gnlab.__version__, "torch", "panel", "cpu", str(tmp_path), "MNIST", "absent"):
        assert expected in out


def test_info_names_the_data_that_are_found(monkeypatch, run):
    monkeypatch.setattr(info, "found", lambda: {"MNIST": True, "CIFAR-10": False})
    _, out, _ = run("info")
    assert "MNIST       found" in out.splitlines()
    assert "CIFAR-10    absent, downloaded when first used" in out.splitlines()


def test_no_command_shows_the_help(run):
    code, out, _ = run()
    assert code == 0
    assert all(command in out for command in COMMANDS)


def test_every_command_is_known_to_the_parser(capsys):
    for command in COMMANDS:
        with pytest.raises(SystemExit) as stopped:
            cli.main([command, "--help"])
        assert stopped.value.code == 0
        assert f"gnlab {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [((), "usual"), (("--record", "own"), "own"), (("--no-record",), None)],
)
def test_what_is_served_is_recorded_unless_not_wanted(run, monkeypatch, arguments, folder):
    monkeypatch.setenv("GNLAB_RUNS", "usual")
    heard = {}
    monkeypatch.setattr("gnlab.lab.served.serve", lambda **options: heard.update(options))
    assert run("serve", *arguments)[0] == 0
    assert heard["record_dir"] == (None if folder is None else Path(folder))


@pytest.mark.parametrize(("arguments", "most"), [((), None), (("--most-groups", "64"), 64)])
def test_what_is_served_may_be_bounded(run, monkeypatch, arguments, most):
    heard = {}
    monkeypatch.setattr("gnlab.lab.served.serve", lambda **options: heard.update(options))
    assert run("serve", "--no-record", *arguments)[0] == 0
    assert heard["most_groups"] == most


@pytest.mark.parametrize("option", ["--frames", "--most-groups"])
def test_a_bound_of_what_is_served_is_named_as_it_was_given(fails, option):
    assert f"{option} must be" in fails("serve", "--no-record", option, "0")


@pytest.mark.parametrize(("option", "value"), [("--port", "70000"), ("--address", "")])
def test_an_address_is_named_as_it_was_given(fails, monkeypatch, option, value):
    monkeypatch.setattr("gnlab.runs.ProcessEngine", lambda **_: SimpleNamespace(close=list))
    monkeypatch.setattr("gnlab.lab.served.pin_server", list)
    assert f"{option} must be" in fails("serve", "--no-show", "--no-record", option, value)


@pytest.mark.parametrize(
    "name", [name for name, (kind, _) in SETTINGS.items() if kind in (int, float)]
)
def test_a_setting_is_named_as_it_was_given(fails, name):
    option = f"--{name.replace('_', '-')}"
    assert fails("train", "digits-mlp", option, "-1").startswith(f"gnlab: {option} must be")


def test_an_unknown_command_gets_the_nearest(fails):
    error = fails("trian")
    assert "'train'" in error
    assert all(command in error for command in COMMANDS)


def test_an_unknown_option_is_one_line(fails):
    assert "--fast" in fails("info", "--fast")


def test_the_help_of_train_has_every_level(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    said = capsys.readouterr().out
    assert all(level in said for level in LEVELS)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", [["info"], ["--version"], ["train", "--help"]])
def test_a_reader_that_leaves_is_no_fault(arguments, unbuffered):
    """Whether Python writes at once or at its end, as an environment variable decides."""
    command = [sys.executable, "-m", "gnlab", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    ) as left:  # fmt: skip
        left.stdout.close()  # before anything is written
        assert left.stderr.read() == ""
    assert left.returncode in {0, 1}  # argparse itself passes over a help that nobody reads


@pytest.mark.parametrize("arguments", [[], ["--help"], ["train", "--help"]])
def test_a_help_that_nobody_reads_is_known_as_such(monkeypatch, arguments):
    """Some Pythons let it through where the output is not buffered."""

    def broken(*_):
        raise BrokenPipeError

    monkeypatch.setattr("argparse.ArgumentParser.print_help", broken)
    with pytest.raises(NoReaderError):
        commands._answer(arguments)


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "gnlab", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("gnlab: unknown command 'nonsense'")


def test_a_pipe_that_is_not_the_readers_is_no_reader_that_leaves(monkeypatch):
    def broken(**_):
        raise BrokenPipeError  # as when the engine's process ends while it is being started

    monkeypatch.setattr("gnlab.lab.served.serve", broken)
    with pytest.raises(BrokenPipeError):
        cli.main(["serve", "--no-record"])


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"gnlab {gnlab.__version__}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only where there is such a device")
def test_an_output_that_is_full_or_closed_is_no_traceback():
    def info_to(where):
        command = f"{sys.executable} -m gnlab info {where}"
        return subprocess.run(command, check=False, shell=True, capture_output=True, text=True)

    full, closed = info_to("> /dev/full"), info_to(">&-")
    said = "gnlab: the standard output cannot be written to: No space left on device.\n"
    assert (full.returncode, full.stderr) == (1, said)
    assert (closed.returncode, closed.stderr) == (0, "")


def test_a_folder_without_a_name_is_no_usual_folder(fails):
    assert "--record must be a folder; got ''" in fails("serve", "--record", "")
