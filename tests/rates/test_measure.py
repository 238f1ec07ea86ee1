"""Rates with known answers: both ends, block-diagonal Hessians, and the bound for all between."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnlab.errors import InputError
from gnlab.rates import (
    Quadratic,
    best_scaling,
    convergence,
    kantorovich,
    measure,
    paths,
    quadratic,
    runs,
    scaled_bound,
    worst_start,
)
from gnlab.rates.measure import step


def spread(size, condition, seed=0):
    inner = np.exp(np.random.default_rng(seed).uniform(0, np.log(condition), size - 2))
    return np.array([1.0, *inner, condition])


@pytest.mark.parametrize("condition", [2.0, 30.0, 1e4])
@pytest.mark.parametrize("sign", [1, -1])
def test_cauchy_from_the_worst_start_reaches_the_bound(condition, sign):
    problem = quadratic(spread(6, condition), "dense", seed=1)
    found = convergence(problem, runs(6, 1), worst_start(problem, sign), 50)
    np.testing.assert_allclose(found.factors, kantorovich(condition), rtol=1e-6)


@pytest.mark.parametrize("size", [1e-290, 1e-120, 1e120, 1e290])
def test_the_scale_of_f_is_not_seen(size):
    spectrum = np.array([1.0, 3.0, 10.0, 30.0])
    near, far = (
        measure(quadratic(by * spectrum, "dense"), [1, 2, 4], starts=2, steps=30)
        for by in (1.0, size)
    )
    for name in ("rate", "largest", "first", "bound"):
        np.testing.assert_allclose(far[name], near[name], rtol=1e-6, atol=1e-20)


@pytest.mark.parametrize("lowest", [-0.5, 0.0])
def test_without_a_minimum_there_is_no_rate(lowest):
    H = np.diag([1.0, lowest])
    problem, owner = Quadratic(H, *np.linalg.eigh(H)), np.array([0, 1])
    for ask in (
        lambda: convergence(problem, owner, np.array([3.0, 1.0]), 5),
        lambda: paths(problem, owner, np.array([[3.0, 1.0]]), 5),
        lambda: measure(problem, [1]),
    ):
        with pytest.raises(InputError, match="must be positive definite"):
            ask()


def test_cauchy_never_exceeds_the_bound():
    problem = quadratic(spread(12, 100.0), "dense", seed=2)
    found = measure(problem, [1], starts=20, steps=100)
    assert float(found.largest.max()) <= kantorovich(100.0) * (1 + 1e-9)
    assert float(found.largest.sel(start="worst").item()) == pytest.approx(kantorovich(100.0))


@pytest.mark.parametrize("size", [2, 20, 200])
def test_newton_is_there_after_one_step(size):
    problem = quadratic(spread(size, 1e3) if size > 2 else (1.0, 1e3), "dense", seed=3)
    x = np.random.default_rng(0).standard_normal(size)
    moved = step(problem.H, x, np.arange(size))
    assert np.linalg.norm(moved) <= 1e-8 * np.linalg.norm(x)


def test_a_block_diagonal_hessian_has_the_rate_of_its_worst_block():
    """Each group's step is its own exact line search: nothing of the other blocks is in it."""
    problem = quadratic((1.0, 3.0, 2.0, 40.0, 5.0, 7.0), "block", blocks=3, seed=4)
    owner, H = runs(6, 3), problem.H
    slowest = H[2:4, 2:4]
    values, vectors = np.linalg.eigh(slowest)
    x = np.zeros(6)
    x[2:4] = vectors[:, 0] / values[0] + vectors[:, 1] / values[1]
    x[:2], x[4:] = (0.3, -0.2), (0.1, 0.4)
    found = convergence(problem, owner, x, 200)
    assert found.factors[-1] == pytest.approx(kantorovich(20.0), rel=1e-9)
    assert found.factors.max() <= kantorovich(20.0) * (1 + 1e-9)
    assert scaled_bound(H, owner) == pytest.approx(kantorovich(20.0), rel=1e-6)
    alone = step(H, x, owner)
    for s in range(3):
        own = owner == s
        g = H[np.ix_(own, own)] @ x[own]
        rate = g @ g / (g @ H[np.ix_(own, own)] @ g)
        np.testing.assert_allclose(alone[own], x[own] - rate * g, rtol=1e-12)


@given(st.integers(0, 10_000), st.integers(2, 9), st.data())
def test_no_factor_exceeds_the_bound_of_any_scaling(seed, size, data):
    """The theorem, for random Hessians, groups, scalings and points."""
    rng = np.random.default_rng(seed)
    problem = quadratic(np.exp(rng.uniform(-3, 3, size)), "dense", seed=seed)
    owner = rng.integers(0, data.draw(st.integers(1, size)), size)
    owner = np.unique(owner, return_inverse=True)[1]
    scaling = np.exp(rng.uniform(-2, 2, owner.max() + 1))
    root = np.sqrt(scaling)[owner]
    values = np.linalg.eigvalsh(root[:, None] * problem.H * root)
    x = rng.standard_normal(size)
    moved = step(problem.H, x, owner)
    factor = (moved @ problem.H @ moved) / (x @ problem.H @ x)
    assert factor <= kantorovich(values[-1] / values[0]) + 1e-9


@given(st.integers(0, 10_000))
def test_a_finer_partition_never_does_worse_in_one_step(seed):
    rng = np.random.default_rng(seed)
    problem = quadratic(np.exp(rng.uniform(-3, 3, 12)), "dense", seed=seed)
    x = rng.standard_normal(12)
    after = [step(problem.H, x, runs(12, count)) for count in (1, 2, 4, 12)]
    values = [y @ problem.H @ y for y in after]
    start = x @ problem.H @ x
    for coarse, fine in itertools.pairwise(values):
        assert fine <= coarse + 1e-10 * start


@pytest.mark.parametrize("groups", [1, 3, 12])
def test_the_method_does_not_see_a_scaling_of_the_groups(groups):
    H, owner = quadratic(spread(12, 50.0), seed=2).H, runs(12, groups)
    rng = np.random.default_rng(groups)
    root, x = 10 ** rng.uniform(-2, 2, groups)[owner], rng.standard_normal(12)
    scaled = root[:, None] * H * root
    moved = step(H, x, owner)
    atol = 1e-10 * np.abs(x).max()
    np.testing.assert_allclose(root * step(scaled, x / root, owner), moved, atol=atol)
    assert scaled_bound(scaled, owner) == pytest.approx(scaled_bound(H, owner), rel=1e-4)


def test_the_best_scaling_is_no_worse_than_none():
    problem = quadratic(spread(8, 1e3), "banded", seed=6)
    owner = runs(8, 4)
    assert best_scaling(problem.H, owner).shape == (4,)
    assert scaled_bound(problem.H, owner) <= kantorovich(problem.condition) + 1e-12


def test_the_table():
    problem = quadratic(spread(8, 50.0), "dense", seed=7)
    found = measure(problem, [1, 2, 8], starts=3, steps=30)
    assert found.rate.shape == (3, 5)
    assert found.level.values.tolist() == ["S = 1", "S = 2", "S = 8"]
    assert found.groups.values.tolist() == [1, 2, 8]
    assert float(found["rate"].sel(level="S = 8")[:-1].max()) == 0.0
    assert (found.largest <= found.bound + 1e-9).all()
    own = measure(problem, {"odd and even": np.arange(8) % 2}, starts=0, steps=5)
    assert own.groups.values.tolist() == [2]


def test_what_cannot_be_measured():
    problem = quadratic((1.0, 2.0))
    with pytest.raises(InputError, match="one level at least"):
        measure(problem, [])
    with pytest.raises(InputError, match="steps"):
        measure(problem, [1], steps=0)
    with pytest.raises(InputError, match="count"):
        measure(problem, [3])
