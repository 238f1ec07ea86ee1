"""On the paper's networks and two more the fast pass keeps to the rule of how exact it is."""

import json

import pytest
import torch

from benchmarks import accuracy
from benchmarks.results import FOLDER

RECORD = json.loads((FOLDER / "accuracy.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("name", ["lenet-cifar10", "mlp-mnist"])
def test_the_fast_pass_at_every_partition(name):
    levels = accuracy.measure(name, 8)["levels"]
    assert set(levels) >= set(accuracy.LEVELS)
    for level, found in levels.items():
        assert not accuracy.broken(found["errors"]), level


@pytest.mark.parametrize(("name", "level"), [("encoder", "role"), ("resnet18", "role")])
def test_the_fast_pass_of_a_few_samples(name, level):
    found = accuracy.measure(name, 3, (level,))["levels"][level]
    assert not accuracy.broken(found["errors"])


def test_every_network_of_the_record():
    assert set(RECORD) == {n for n in accuracy.NETWORKS if not n.endswith("-units")}
    for name, found in RECORD.items():
        assert set(found["levels"]) >= set(accuracy.LEVELS)
        for level, at in found["levels"].items():
            assert not accuracy.broken(at["errors"]), (name, level)


def told(double, fast, plain, apart):
    """The lines about errors of which those of H̄ are given, the others zero."""
    kinds = "fast, float64", "fast, float32", "plain, float32", "fast against plain, float32"
    values = zip(kinds, (double, fast, plain, apart), strict=True)
    return accuracy.broken({kind: {"g": 0.0, "H": v, "third": 0.0} for kind, v in values})


@pytest.mark.parametrize(
    ("errors", "holds"),
    [
        ((9e-11, 9e-6, 1e-7, 9e-6), True),  # near the plain way
        ((9e-11, 1.9e-3, 1e-3, 1e-3), True),  # as far from the truth as the plain way
        ((9e-11, 2.1e-3, 1e-3, 1e-3), False),
        ((1.1e-10, 0.0, 0.0, 0.0), False),
        ((float("nan"), 0.0, 0.0, 0.0), False),
        ((0.0, float("nan"), 1.0, float("nan")), False),
    ],
)
def test_the_rule(errors, holds):
    lines = told(*errors)
    assert len(lines) == 1 - holds
    assert all(line.startswith("H: ") for line in lines)


def test_an_error_is_relative_to_the_largest_entry():
    class Given:
        def __init__(self, value):
            self.g = self.H = self.third = torch.tensor(value)

    found, known = Given([1.0, 8.0]), Given([2.0, 8.0])
    assert accuracy.errors(found, known) == dict.fromkeys(accuracy.ORDERS, 0.125)
