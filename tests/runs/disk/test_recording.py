import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from gnlab import InputError
from gnlab.runs import Run, ThreadEngine, open_record
from gnlab.runs import run as runs
from gnlab.runs.disk import part
from gnlab.runs.disk.recording import Recording, default_folder
from gnlab.runs.engine.commands import Change, Play, Rewind, Step
from gnlab.runs.settings import Settings


def recorded(run, folder, steps):
    """Make steps and write them down, in two goes."""
    recording = Recording(folder)
    records = []
    for k in range(steps):
        records.append(run.step())
        recording.add(records[-1], run.settings)
        if k == steps // 3:
            recording.flush()
    recording.flush()
    return records


def test_what_is_written_is_what_was_recorded(tmp_path):
    run = Run("moons", period=2, lr=0.1)
    records = recorded(run, tmp_path, 7)
    found = open_record(tmp_path)
    (part,) = found.parts
    assert part.step.values.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert tuple(part.group.values) == tuple(part.group_.values) == run.partition.names
    assert tuple(part.role.values) == run.partition.roles
    for name in (
        "epoch", "loss", "val_loss", "accuracy", "lr", "damping", "radius", "radius_min", "taken",
    ):  # fmt: skip
        np.testing.assert_array_equal(part[name], [getattr(r, name) for r in records])
    for row, record in enumerate(records):
        for name in (
            "g",
            "H",
            "H_parts",
            "third",
            "d",
            "step_size",
            "step_size_solved",
            "regulariser",
        ):
            value = getattr(record, name)
            here = part[name].values[row]
            np.testing.assert_array_equal(
                here, np.full_like(here, np.nan if value is None else value)
            )
    assert part.status.values.tolist() == ["solved", "", "solved", "", "solved", "", "solved"]
    assert part.H.dims == ("step", "group", "group_")
    assert part.H_parts.dims == ("step", "kind", "group", "group_")
    assert part.kind.values.tolist() == ["gauss-newton", "activations", "products"]
    np.testing.assert_allclose(part.H_parts.sum("kind", skipna=False), part.H, rtol=1e-6)


def test_everything_is_explained(tmp_path):
    recorded(Run("moons", seed=3, damping=1.0), tmp_path, 2)
    found = open_record(tmp_path)
    assert (found.attributes["preset"], found.attributes["seed"]) == ("moons", 3)
    assert found.attributes["hyperparameters"]["damping"] == 1.0
    assert set(found.attributes["versions"]) == {"gnlab", "torch", "python"}
    assert found.parts[0].attrs["partition"] == "tensor"
    for name, variable in found.parts[0].data_vars.items():
        assert variable.attrs["long_name"], name
    assert found.parts[0].H_parts.attrs["units"] == "loss"


def test_a_new_part_begins_where_the_groups_or_a_setting_change(tmp_path):
    run, recording = Run("moons", damping=1.0), Recording(tmp_path)

    def go(steps):
        for _ in range(steps):
            recording.add(run.step(), run.settings)

    go(3)
    run.change(damping=2.0)
    go(1)
    run.change(partition="role")
    go(2)
    recording.flush()
    run.change(optimizer="adam")
    go(2)
    recording.flush()
    first, second, third = open_record(tmp_path).parts
    assert first.step.values.tolist() == [1, 2, 3, 4]
    assert first.damping.values.tolist() == [1, 1, 1, 2]
    assert (second.step.values.tolist(), second.sizes["group"]) == ([5, 6], 2)
    assert third.step.values.tolist() == [7, 8]
    assert "H" not in third
    assert third.attrs["hyperparameters"]["optimizer"] == "adam"


def test_a_rewound_run_keeps_the_way_it_gave_up(tmp_path):
    run, recording = Run("moons"), Recording(tmp_path)
    for _ in range(5):
        recording.add(run.step(), run.settings)
    run.rewind(2)
    for _ in range(2):
        recording.add(run.step(), run.settings)
    recording.flush()
    first, second = open_record(tmp_path).parts
    assert first.step.values.tolist() == [1, 2, 3, 4, 5]
    assert second.step.values.tolist() == [3, 4]
    assert (second.attrs["rewound_from"], second.attrs["first_step"]) == (5, 3)
    np.testing.assert_array_equal(second.loss, first.loss[2:4])


def test_a_record_caught_in_the_middle_of_writing_is_read_up_to_there(tmp_path):
    run, recording = Run("moons"), Recording(tmp_path)
    for _ in range(4):
        recording.add(run.step(), run.settings)
    recording.flush()
    # As if killed after the loss was written longer, and before the step was.
    description = tmp_path / "run.zarr" / "part-0" / "loss" / "zarr.json"
    content = json.loads(description.read_text())
    content["shape"] = [9]
    description.write_text(json.dumps(content))
    (part,) = open_record(tmp_path).parts
    assert part.step.values.tolist() == [1, 2, 3, 4]
    assert part.loss.notnull().all()
    assert part.H.shape == (4, 6, 6)


def test_what_ctrl_c_has_broken_off_at_the_last_file_is_not_written_twice(tmp_path, monkeypatch):
    run = Run("moons", period=1, record=tmp_path)
    for _ in range(3):
        run.step()
    replace, broken = part._replace, []

    def broken_off(path, content):
        replace(path, content)
        if path.parts[-2:] == ("step", "zarr.json") and not broken:
            broken.append(path)
            raise KeyboardInterrupt

    monkeypatch.setattr(part, "_replace", broken_off)
    with pytest.raises(KeyboardInterrupt):
        run.flush()
    run.step()
    run.flush()
    (only,) = open_record(tmp_path).parts
    assert only.step.values.tolist() == [1, 2, 3, 4]
    assert only.loss.notnull().all()


def test_a_part_that_was_only_begun_is_left_out(tmp_path):
    recorded(Run("moons"), tmp_path, 2)
    shutil.copytree(tmp_path / "run.zarr" / "part-0", tmp_path / "run.zarr" / "part-1")
    shutil.rmtree(tmp_path / "run.zarr" / "part-1" / "step")
    assert len(open_record(tmp_path).parts) == 1


def test_another_start_is_not_a_rewind(tmp_path):
    run = Run("moons", record=tmp_path)
    for _ in range(2):
        run.step()
    run.change(seed=1)
    run.step()
    run.flush()
    first, second = open_record(tmp_path).parts
    assert (first.attrs["seed"], second.attrs["seed"]) == (0, 1)
    assert "rewound_from" not in second.attrs


def test_a_step_that_was_made_does_not_fail_for_its_record(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(runs, "_FLUSH_SECONDS", -1.0)
    (tmp_path / "file").write_text("")
    run = Run("moons", record=tmp_path / "file" / "below")
    assert run.step().step == 1
    assert "The run goes on without" in caplog.text
    assert run.step().step == 2


def test_no_record_and_no_room(tmp_path):
    with pytest.raises(InputError, match=r"has no run\.zarr\. Give the folder"):
        open_record(tmp_path)
    (tmp_path / "file").write_text("")
    run = Run("moons", record=tmp_path / "file" / "below")
    run.step()
    with pytest.raises(InputError, match="cannot be written"):
        run.flush()
    assert run.step().step == 2


def test_a_run_writes_itself_down_and_at_the_end_of_the_program(tmp_path):
    script = (
        "from gnlab.runs import Run\n"
        f"run = Run('moons', record={str(tmp_path)!r})\n"
        "for _ in range(3): run.step()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    (part,) = open_record(tmp_path).parts
    assert part.step.values.tolist() == [1, 2, 3]


def test_an_engine_records_each_run_and_start_in_a_folder_of_its_own(tmp_path, until):
    engine = ThreadEngine(record_dir=tmp_path)
    run = engine.open(Settings("moons"))
    engine.send(run, Step(3))
    until(lambda: engine.snapshot(run), lambda s: s.step == 3)
    engine.send(run, Rewind(1))
    engine.send(run, Step(1))
    until(lambda: engine.snapshot(run), lambda s: s.step == 2 and s.state == "paused")
    engine.send(run, Change({"seed": 1}))
    number = engine.send(run, Play())
    seen = until(
        lambda: engine.snapshot(run),
        lambda s: s.applied >= number and s.settings.seed == 1 and s.step,
    )
    engine.close()
    old, new = sorted(map(open_record, tmp_path.iterdir()), key=lambda r: r.attributes["seed"])
    assert [p.step.values.tolist() for p in old.parts] == [[1, 2, 3], [2]]
    assert new.parts[0].step.values[0] == 1
    assert seen.folder == str(new.folder)


def test_an_engine_that_cannot_write_says_so_and_goes_on(tmp_path, until):
    (tmp_path / "file").write_text("")
    engine = ThreadEngine(record_dir=tmp_path / "file")
    run = engine.open(Settings("moons"))
    engine.send(run, Step(2))
    seen = until(lambda: engine.snapshot(run), lambda s: "cannot be written" in s.message)
    assert seen.severity == "warning"
    engine.send(run, Step(2))
    until(lambda: engine.snapshot(run), lambda s: s.step == 4)
    engine.close()


def test_the_usual_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("GNLAB_RUNS", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("GNLAB_RUNS")
    assert default_folder().parts[-2:] == ("gnlab", "runs")
