"""The cubic model along a line: its minimum, against the solve and against a search."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnlab.cubic import Line, along, solve_cubic


def model(seed: int, size: int = 6):
    rng = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, generator=rng, dtype=torch.float64)
    g = torch.randn(size, generator=rng, dtype=torch.float64)
    d = torch.rand(size, generator=rng, dtype=torch.float64) + 0.1
    return root + root.mT, g, d


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("damping", [0.3, 10.0])
def test_along_its_own_minimiser_the_model_falls_up_to_one(seed, damping):
    H, g, d = model(seed)
    solution = solve_cubic(H, g, d, damping)
    line = along(H, g, d, damping, solution.step_sizes)
    assert line.minimum == pytest.approx(1, rel=1e-9)
    assert line.change(1.0) == pytest.approx(-solution.decrease, rel=1e-9)


def test_a_line_is_the_model_written_out():
    H, g, d = model(0)
    eta = torch.randn(6, dtype=torch.float64)
    line = along(H, g, d, 3.0, eta)
    for t in (0.0, 0.4, 2.0):
        s = t * eta
        expected = -g @ s + 0.5 * s @ H @ s + 3.0 / 6 * (d * s).norm() ** 3
        assert line.change(t) == pytest.approx(float(expected), rel=1e-12, abs=1e-15)


sizes = st.floats(1e-6, 1e6)


@given(slope=sizes, curvature=st.floats(-1e6, 1e6), bend=sizes)
def test_up_to_its_minimum_a_line_falls_and_then_it_rises(slope, curvature, bend):
    line = Line(slope, curvature, bend)
    t = line.minimum
    assert 0 < t < math.inf
    values = [line.change(t * k) for k in np.linspace(0, 1, 9)]
    slack = 1e-12 * (t * slope + t * t * abs(curvature) + t**3 * bend)
    assert all(after <= before + slack for before, after in itertools.pairwise(values))
    assert line.change(1.01 * t) >= values[-1] - slack


@pytest.mark.parametrize(
    ("line", "minimum"),
    [
        (Line(0.0, 1.0, 1.0), 0.0),  # level
        (Line(-1.0, -1.0, 0.0), 0.0),  # it rises at once
        (Line(1.0, 2.0, 0.0), 0.5),  # a parabola
        (Line(1.0, 0.0, 0.0), math.inf),
        (Line(1.0, -1.0, 0.0), math.inf),
        (Line(1.0, 0.0, 4.0), 0.5),
        (Line(1e-300, 1e-150, 1e-300), 1e-150),  # its squares would underflow
        (Line(1e300, 1e200, 1e10), 1e100),  # and overflow
        (Line(math.nan, 1.0, 1.0), 0.0),
        (Line(math.inf, 1.0, 1.0), 0.0),
        (Line(1.0, math.nan, 1.0), 0.0),
        (Line(1.0, 1.0, math.inf), 0.0),
    ],
)
def test_known_minima(line, minimum):
    assert line.minimum == pytest.approx(minimum, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_a_line_is_invariant_to_a_scale_of_each_group(seed):
    H, g, d = model(seed)
    rng = torch.Generator().manual_seed(seed)
    eta = torch.rand(6, generator=rng, dtype=torch.float64)
    a = 10 ** (4 * torch.rand(6, generator=rng, dtype=torch.float64) - 2)
    line = along(H, g, d, 2.0, eta)
    other = along(H * a * a[:, None], g * a, d * a, 2.0, eta / a)
    assert other.minimum == pytest.approx(line.minimum, rel=1e-9)


def test_a_line_beyond_float64_is_not_followed_and_no_error():
    one = torch.ones(1, dtype=torch.float64)
    assert along(one[None], one, one, 1.0, 1e150 * one).minimum == 0.0
