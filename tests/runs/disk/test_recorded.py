"""Opening a record: what is missing or cut off is told."""

import shutil

import pytest

from gnlab import InputError
from gnlab.runs import Run, open_record


@pytest.fixture
def recorded(tmp_path):
    run = Run("moons", record=tmp_path / "run")
    for _ in range(3):
        run.step()
    run.flush()
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (lambda part: (part / "step" / "c.0").unlink(), "part-0/step/c.0 is missing"),
        (lambda part: (part / "loss" / "c.0").unlink(), "part-0/loss/c.0 is missing"),
        (lambda part: (part / "status" / "c.0").unlink(), "part-0/status/c.0 is missing"),
        (lambda part: shutil.rmtree(part / "loss"), "part-0 has no loss"),
        (lambda part: cut(part / "seconds" / "c.0"), "part-0/seconds/c.0 is cut off"),
        (lambda part: (part.parent / "zarr.json").write_text("[]"), "damaged"),
        (lambda part: flip(part / "status" / "c.0", 64), "part-0/status has the code 64"),
        (lambda part: flip(part / "status" / "c.0", 255), "part-0/status has the code -1"),
    ],
    ids=[
        "no steps",
        "no losses",
        "no statuses",
        "no variable",
        "cut off",
        "no group",
        "a code",
        "-1",
    ],
)
def test_a_damaged_record_is_told_and_not_read_as_other_numbers(break_it, named, recorded):
    assert open_record(recorded).parts
    break_it(recorded / "run.zarr" / "part-0")
    with pytest.raises(InputError, match=r"is damaged .*; restore it from a copy") as told:
        open_record(recorded)
    assert named in str(told.value)


def flip(path, code):
    content = bytearray(path.read_bytes())
    content[1] = code
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def test_nothing_is_added_to_a_record_that_cannot_be_read_again(recorded):
    (recorded / "run.zarr" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.zarr/zarr\.json is damaged; it has no step"):
        Run("moons").record_to(recorded, at_once=True)
