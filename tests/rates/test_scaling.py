"""The best scaling: log κ is convex in log A, and none is better than the one that is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnlab.rates import optimum, quadratic, runs


def log_condition(H, owner, logs):
    root = np.exp(logs / 2)[owner]
    values = np.linalg.eigvalsh(root[:, None] * H * root)
    return np.log(values[-1] / values[0])


def drawn(seed, size):
    rng = np.random.default_rng(seed)
    H = quadratic(np.exp(rng.uniform(-3, 3, size)), "dense", seed=seed).H
    owner = np.unique(rng.integers(0, size, size), return_inverse=True)[1]
    return H, owner, rng


@given(st.integers(0, 10_000), st.integers(2, 9), st.floats(0, 1))
def test_the_logarithm_of_the_condition_number_is_convex(seed, size, share):
    H, owner, rng = drawn(seed, size)
    a, b = rng.uniform(-3, 3, (2, owner.max() + 1))
    between = log_condition(H, owner, share * a + (1 - share) * b)
    ends = log_condition(H, owner, a), log_condition(H, owner, b)
    assert between <= share * ends[0] + (1 - share) * ends[1] + 1e-9


@given(st.integers(0, 10_000), st.integers(2, 9))
def test_no_scaling_is_better_than_the_best(seed, size):
    H, owner, rng = drawn(seed, size)
    best = optimum(H, owner)
    least = np.log(best.condition)
    logs = np.log(best.scaling)
    assert logs.mean() == pytest.approx(0, abs=1e-9)
    assert log_condition(H, owner, logs) == pytest.approx(least, abs=1e-9)
    assert best.slope <= 1e-4
    for reach in (1e-4, 1e-2, 1.0):
        for _ in range(5):
            other = logs + reach * rng.standard_normal(len(logs))
            assert log_condition(H, owner, other) >= least - best.excess - 1e-9


@pytest.mark.parametrize(("coupling", "count"), [("dense", 2), ("dense", 8), ("banded", 32)])
def test_simple_extremes_have_equal_masses_at_the_best_scaling(coupling, count):
    values = np.random.default_rng(0).permutation(np.geomspace(1, 100, 64))
    H, owner = quadratic(values, coupling, seed=0).H, runs(64, count)
    best = optimum(H, owner)
    assert best.lowest.shape == best.highest.shape == (64, 1)
    apart = np.bincount(owner, (best.lowest**2 - best.highest**2)[:, 0])
    assert np.abs(apart).max() == pytest.approx(best.slope, abs=1e-12)
    assert best.slope <= 1e-9


def test_a_double_extreme_is_seen():
    best = optimum(0.5 * np.eye(3) + 0.5, np.arange(3))
    assert best.lowest.shape == (3, 2)
    np.testing.assert_allclose(best.scaling, 1, rtol=1e-6)
    assert best.condition == pytest.approx(4)


def test_scales_that_differ_by_decades_are_found_back():
    values = np.geomspace(1, 100, 12)
    H, owner = quadratic(values, seed=3).H, runs(12, 4)
    root = 10 ** np.array([-3.0, 2.0, 0.0, 1.0])[owner]
    near, far = optimum(H, owner), optimum(root[:, None] * H * root, owner)
    assert far.condition == pytest.approx(near.condition, rel=1e-6)
    ratio = far.scaling[owner] * root**2 / near.scaling[owner]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)
