"""On the paper's networks the fast pass gives the plain definition's numbers."""

import pytest
import torch

from benchmarks import accuracy

WITHIN = {"fast, float64": 1e-10, "fast, float32": 1e-5, "fast against plain, float32": 1e-5}


@pytest.mark.parametrize("name", ["lenet-cifar10", "mlp-mnist"])
def test_the_fast_pass_at_every_partition(name):
    levels = accuracy.measure(name, 2)["levels"]
    assert set(levels) >= set(accuracy.LEVELS)
    for level, found in levels.items():
        for way, within in WITHIN.items():
            worst = max(found["errors"][way].values())
            assert worst <= within, f"{level}, {way}: {worst:.1e}"


def test_an_error_is_relative_to_the_largest_entry():
    class Given:
        def __init__(self, value):
            self.g = self.H = self.third = torch.tensor(value)

    found, known = Given([1.0, 8.0]), Given([2.0, 8.0])
    assert accuracy.errors(found, known) == dict.fromkeys(accuracy.ORDERS, 0.125)
