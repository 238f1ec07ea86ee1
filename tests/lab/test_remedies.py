"""What a click does about a run that has stopped."""

import dataclasses

import pytest

from gnlab import runs
from gnlab.lab import remedies
from gnlab.runs.engine.snapshot import ended

COARSER = "Rewind, coarser partition"


@pytest.mark.parametrize(
    ("partition", "groups", "taken"),
    [
        ("tensor", 4, "role"),
        ("neuron", 3, "role"),
        ("block:3", 9, "tensor"),
        ({"a": ["a.weight"], "b": ["b.weight"]}, 2, "all"),
        ("role", 2, "all"),
    ],
)
def test_a_coarser_partition_also_from_a_level_that_is_no_rung(snapshot, partition, groups, taken):
    settings = dataclasses.replace(runs.Settings(), partition=partition)
    level = runs.Level(str(partition), groups, f"S = {groups}")
    made = remedies.commands(COARSER, snapshot(settings=settings, level=level))
    assert made == (runs.Rewind(2), runs.Change({"partition": taken}))


def test_of_one_group_there_is_no_coarser_partition(snapshot):
    settings = dataclasses.replace(runs.Settings(), partition="all")
    level = runs.Level("all", 1, "S = 1")
    made = remedies.commands(COARSER, snapshot(settings=settings, level=level))
    assert made == (runs.Rewind(2),)


def test_only_what_changes_something_is_offered(snapshot):
    two, one = runs.Level("role", 2, "S = 2"), runs.Level("all", 1, "S = 1")
    assert remedies.offered(snapshot(level=two)) == remedies.LABELS
    assert COARSER not in remedies.offered(snapshot(level=one))


def test_a_run_that_can_go_no_further_is_offered_nothing(snapshot):
    level = runs.Level("role", 2, "S = 2")
    assert remedies.offered(ended(snapshot(level=level), "it was killed")) == ()
    assert remedies.offered(snapshot(level=level, state="stopped", kept_steps=())) == ()
