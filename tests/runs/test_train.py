import errno
import re

import pytest
import torch

from gnlab import InputError
from gnlab.runs import Run, open_record, resume, train


def test_steps_and_epochs_are_reached_exactly():
    run, seen = Run("moons", batch_size=100), []
    assert train(run, steps=3, progress=seen.append) == ""
    assert [record.step for record in seen] == [1, 2, 3]
    train(run, epochs=2)
    assert (run.step_count, run.epoch) == (8, 2.0)
    train(run, epochs=1)
    assert run.step_count == 8


def test_an_interrupted_training_is_resumed_as_if_it_had_not_been(tmp_path):
    def interrupt(record):
        if record.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Run("moons"), steps=9, progress=interrupt, out=tmp_path)
    run = resume(tmp_path)
    assert run.step_count == 4
    train(run, steps=9, out=tmp_path)
    whole = Run("moons")
    train(whole, steps=9)
    assert run.record.loss == whole.record.loss
    first, second = open_record(tmp_path).parts
    assert first.step.values.tolist() == [1, 2, 3, 4]
    assert second.step.values.tolist() == [5, 6, 7, 8, 9]
    assert "rewound_from" not in second.attrs


def test_ctrl_c_in_the_middle_of_a_step_costs_that_step_only(tmp_path, monkeypatch):
    run = Run("moons")
    train(run, steps=2)

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(run._trainer.grouped, "measure", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(run, steps=5, out=tmp_path)
    assert resume(tmp_path).step_count == 2


def test_a_training_that_diverges_says_why_and_keeps_its_last_good_step(tmp_path):
    run, seen = Run("quadratic", optimizer="sgd", lr=1e6), []
    reason = train(run, steps=100, progress=seen.append, out=tmp_path)
    assert "not finite" in reason
    assert all(record.loss == record.loss for record in seen)
    assert resume(tmp_path).step_count == run.step_count < 100


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({}, "one goal, steps=... or epochs=...; got neither"),
        ({"steps": 1, "epochs": 2}, "got steps=1 and epochs=2"),
        ({"steps": -1}, "steps must be"),
        ({"epochs": -1.0}, "epochs must be"),
    ],
)
def test_a_goal_is_needed(goal, message):
    with pytest.raises(InputError, match=re.escape(message)):
        train(Run("moons"), **goal)


def test_what_is_no_run_no_folder_and_no_function_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"train takes a gnlab Run, .*; got 3\."):
        train(3, steps=1)
    with pytest.raises(InputError, match=r"progress must be a function .*; got 3\."):
        train(Run("moons"), steps=1, progress=3)
    for given in (3, "a\0b"):
        with pytest.raises(InputError, match=r"out must be a path"):
            train(Run("moons"), steps=1, out=given)
        with pytest.raises(InputError, match=r"out must be a path"):
            resume(given)


def test_a_last_checkpoint_that_cannot_be_written_leaves_the_one_before_and_says_so(
    tmp_path, monkeypatch
):
    def full(_content, file):
        file.write(b"begun")
        raise OSError(errno.ENOSPC, "No space left on device")

    def fails(run, folder):
        with monkeypatch.context() as patched:
            patched.setattr(torch, "save", full)
            with pytest.raises(InputError) as caught:
                train(run, steps=run.step_count + 2, out=folder)
        return str(caught.value)

    train(Run("moons"), steps=3, out=tmp_path / "first")
    said = fails(resume(tmp_path / "first"), tmp_path / "first")
    assert "No space left on device" in said
    assert said.endswith("The checkpoint that is there stands at step 3; a run can go on from it.")
    assert resume(tmp_path / "first").step_count == 3
    said = fails(Run("moons"), tmp_path / "second")
    assert said.endswith("No space left on device; free room there, or give another folder.")
