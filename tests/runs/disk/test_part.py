"""A part of a record on disk: its chunks, its size, and what a broken-off writing leaves."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from gnlab.runs import Run, open_record
from gnlab.runs.disk import part
from gnlab.runs.disk.recording import Recording


@pytest.fixture
def written(tmp_path):
    """Writes copies of one step down, some of them without a matrix; the part as it is read."""

    def write(run, rows, *, every=1, flush=700, most=part.MATRIX_BYTES):
        recording, template = Recording(tmp_path, most), run.step()
        bare = dataclasses.replace(template, H=None, H_parts=None)
        for step in range(1, rows + 1):
            made = template if (step - 1) % every == 0 else bare
            recording.add(dataclasses.replace(made, step=step, loss=float(step)), run.settings)
            if step % flush == 0:
                recording.flush()
        recording.flush()
        (read,) = open_record(tmp_path).parts
        return read

    return write


def matrix_bytes(folder, name="H"):
    return sum(f.stat().st_size for f in folder.glob(f"run.zarr/part-0/{name}/c.*"))


@pytest.mark.parametrize("rows", [1023, 1024, 1025, 3000])
def test_chunks_fill_and_follow_each_other(written, rows):
    read = written(Run("quadratic", optimizer="sgd", lr=0.0), rows)
    assert read.loss.values.tolist() == list(range(1, rows + 1))
    assert read.step.values.tolist() == list(range(1, rows + 1))


def test_any_tool_that_reads_zarr_can_read_it(written, tmp_path):
    written(Run("moons"), 3)
    plain = xr.open_zarr(
        str(tmp_path / "run.zarr"), group="part-0", consolidated=False, chunks=None
    )
    assert plain.loss.values.tolist() == [1, 2, 3]
    assert plain.status.attrs["flag_meanings"].split()[plain.status.values[0]] == "solved"


def test_a_step_without_a_matrix_takes_no_room_for_one(written, tmp_path, monkeypatch):
    monkeypatch.setattr(part, "_MATRIX_CHUNK_BYTES", 36 * 8)
    read = written(Run("moons"), 40, every=10, flush=7)
    has = ~np.isnan(read.H.values).all(axis=(1, 2))
    assert (np.flatnonzero(has) + 1).tolist() == [1, 11, 21, 31]
    assert matrix_bytes(tmp_path) == 4 * 36 * 8


@pytest.mark.parametrize("chunk", [1, 3])
def test_matrices_are_thinned_when_there_are_many_and_nothing_else(
    chunk, written, tmp_path, monkeypatch
):
    matrix = 2 * 2 * 8
    monkeypatch.setattr(part, "_MATRIX_CHUNK_BYTES", chunk * matrix)
    read = written(
        Run("moons", partition="role"), 96, flush=10, most=12 * 4 * matrix
    )  # H̄ and parts
    has = ~np.isnan(read.H.values[:, 0, 0])
    assert has[:12].all()
    # 12, then every second chunk of the next 12, every fourth of the next 24, ...
    assert [int(has[:n].sum()) for n in (12, 24, 48, 96)] == [12, 18, 24, 30]
    assert matrix_bytes(tmp_path) == 30 * matrix
    np.testing.assert_array_equal(~np.isnan(read.H_parts.values[:, 0, 0, 0]), has)
    assert matrix_bytes(tmp_path, "H_parts") == 30 * 3 * matrix
    assert not np.isnan(read.g.values).any()


@pytest.mark.parametrize("stop", [0, 5, 30, 47])
def test_what_ctrl_c_has_broken_off_is_written_the_next_time(stop, tmp_path, monkeypatch):
    monkeypatch.setattr(part, "_CHUNK_ROWS", 3)
    run, recording = Run("moons", partition="role"), Recording(tmp_path)
    records = [run.step() for _ in range(9)]
    for record in records[:4]:
        recording.add(record, run.settings)
    recording.flush()
    for record in records[4:]:
        recording.add(record, run.settings)
    replace, count = part.os.replace, iter(range(1000))

    def interrupted(*paths):
        if next(count) == stop:
            raise KeyboardInterrupt
        replace(*paths)

    monkeypatch.setattr(part.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recording.flush()
    monkeypatch.setattr(part.os, "replace", replace)
    recording.flush()
    (read,) = open_record(tmp_path).parts
    assert read.step.values.tolist() == list(range(1, 10))
    np.testing.assert_array_equal(read.loss, [r.loss for r in records])
    np.testing.assert_array_equal(read.H, [r.H for r in records])
