"""Runs on a GPU: they take what runs on a CPU take, and go as these go."""

import dataclasses

import numpy as np
import pytest

from gnlab.runs import Change, Rewind, Run, Settings, Step
from gnlab.runs.disk.saved import read


@pytest.mark.gpu
def test_a_run_on_a_gpu_takes_every_level_and_direction(engine):
    run = engine.ready(Settings("digits-mlp", device="cuda"))
    levels = [level for level in engine.snapshot(run).levels if not level.refusal]
    for level in levels:
        engine.send(run, Change({"partition": level.name}))
        seen = engine.do(run, Step(2))
        assert (seen.message, seen.record.H.shape) == ("", (level.S, level.S))
    for direction in ("momentum", "adam", "orthogonal", "gradient"):
        engine.send(run, Change({"direction": direction}))
        assert engine.do(run, Step(2)).message == ""
    before = engine.snapshot(run)
    seen = engine.do(run, Rewind(before.kept_steps[0]))
    assert (seen.step, seen.message) == (before.kept_steps[0], "")
    assert seen.step < before.step


def take_over(run, path, other):
    """Bring a run to the state of another, which may be on another device."""
    other.save(path)
    saved = read(path)
    run._resume(dataclasses.replace(saved.state, settings=run.settings), saved.model)


@pytest.mark.gpu
@pytest.mark.parametrize("partition", ["tensor", "block:4", "unit"])
def test_a_step_on_a_gpu_is_what_it_is_on_a_cpu(partition, tmp_path):
    """Of rates of groups that hardly matter, rounding makes others, and more so at every step."""
    there, here = (
        Run(Settings("digits-mlp", device=device, partition=partition, dtype="float64"))
        for device in ("cuda", "cpu")
    )
    for _ in range(12):
        take_over(there, tmp_path / "run.pt", here)
        one, two = there.step(), here.step()
        assert one.loss == pytest.approx(two.loss, rel=1e-9)
        np.testing.assert_allclose(one.H, two.H, rtol=0, atol=1e-10 * np.abs(two.H).max())
