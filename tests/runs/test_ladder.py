"""Which levels a run can have, and what is told of the others."""

import itertools

import pytest
import torch

from gnlab import Run
from gnlab.runs import Settings, ladder
from gnlab.runs.engine.commands import Change
from gnlab.summaries import limits

CPU = torch.device("cpu")


def test_each_level_is_finer_than_the_one_before():
    levels = Run("digits-mlp").levels
    for coarse, fine in itertools.pairwise(levels):
        assert fine.S > coarse.S
    assert (levels[0].S, levels[-1].S) == (1, 4522)


@pytest.mark.parametrize(
    ("preset", "parameters"), [("moons", 354), ("spirals", 1322), ("digits-mlp", 4522)]
)
def test_a_small_network_goes_all_the_way_to_newton(preset, parameters):
    levels = Run(preset).levels
    assert [level.refusal for level in levels] == [""] * len(levels)
    assert (levels[-1].name, levels[-1].S) == ("element", parameters)


def test_more_groups_than_can_be_summarised_are_refused():
    levels = Run("digits-deep").levels
    refused = {level.name for level in levels if level.refusal}
    assert refused == {"row:8", "row:16", "row:32", "element"}
    assert f"more than the {limits.CPU} groups" in levels[-1].refusal
    assert ladder.finest(levels).name == "row:4"


def test_more_work_than_minutes_is_refused(monkeypatch):
    """The same level of the same network, of ever more samples."""
    monkeypatch.setattr(ladder, "most_groups", lambda _: 5000)
    rungs = Run("digits-mlp").ladder

    def refused(samples):
        return [level.name for level in rungs.levels(samples, CPU) if level.refusal]

    assert len(refused(300)) < len(refused(10**6)) < len(refused(10**9))
    told = rungs.levels(10**9, CPU)[-4].refusal
    assert "each summary is the work of" in told
    assert len(rungs.levels(10**9, torch.device("cuda"))) == len(rungs.rungs)


def test_whoever_keeps_the_engine_may_allow_fewer(monkeypatch):
    monkeypatch.setattr(ladder, "_allowed", ladder._Allowed())
    ladder.allow(100)
    levels = Run("digits-mlp").levels
    assert ladder.finest(levels).name == "block:8"
    assert levels[-1].refusal == "more than the 100 groups that this lab allows"
    ladder.allow(None)
    assert ladder.finest(Run("digits-mlp").levels).name == "element"


def test_what_is_told_names_the_level_the_reason_and_the_finest():
    levels = Run("digits-deep").levels
    assert ladder.refusal(levels, "tensor") == ""
    assert ladder.refusal(levels, {"own": ["layers.0.weight"]}) == ""
    told = ladder.refusal(levels, "element")
    assert told.startswith("S = 22474, one group per element: more than the 5000 groups")
    assert told.endswith("The finest level here: S = 3250, 4 parts of each unit's row.")


def test_an_engine_refuses_a_level_that_is_too_large_and_goes_on(engine):
    run = engine.ready(Settings("digits-deep", device="cpu"))
    seen = engine.do(run, Change({"partition": "element"}))
    assert (seen.settings.partition, seen.severity) == ("tensor", "warning")
    assert "S = 22474" in seen.message
    seen = engine.do(run, Change({"partition": "role"}))
    assert (seen.settings.partition, seen.message) == ("role", "")


def test_a_link_to_a_level_that_is_too_large_gets_the_finest(engine):
    run = engine.ready(Settings("digits-deep", device="cpu", partition="element"))
    seen = engine.snapshot(run)
    assert seen.settings.partition == "row:4"
    assert "S = 22474" in seen.message


@pytest.mark.parametrize("preset", ["quadratic", "rosenbrock", "circles"])
def test_small_problems_have_a_newton_end(preset):
    newton = Run(preset).levels[-1]
    assert (newton.name, newton.known_as, newton.refusal) == ("element", "Newton's method", "")


def test_the_coarsest_level_is_never_refused():
    """What is told of another level names one that can be had."""
    levels = Run("digits-mlp").ladder.levels(10**12, CPU)
    assert [bool(level.refusal) for level in levels] == [False] + [True] * (len(levels) - 1)
    assert ladder.finest(levels).name == "all"
    assert ladder.refusal(levels, "role").endswith(
        "The finest level here: S = 1, one group for all."
    )
