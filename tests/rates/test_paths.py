"""Paths agree with the rates, several starts with one, and the surfaces with their formulas."""

import numpy as np
import pytest

from gnlab.errors import InputError
from gnlab.rates import (
    convergence,
    doublings,
    kantorovich,
    paths,
    quadratic,
    random_start,
    ready_bound,
    runs,
    scaled_bound,
    worst_start,
)
from gnlab.rates.measure import step


@pytest.fixture
def problem():
    return quadratic(np.geomspace(1, 50, 8), "rotated", blocks=1, angle=0.5)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_several_starts_at_once_go_each_its_own_way(problem, count):
    owner = runs(8, count)
    starts = np.array([random_start(8, seed) for seed in range(3)])
    found = paths(problem, owner, starts, 25)
    assert found.points.shape == (26, 3, 8)
    for i, start in enumerate(starts):
        alone = convergence(problem, owner, start, 25)
        some = min(len(alone.factors), 3 if count == 8 else 25)
        np.testing.assert_allclose(found.factors[:some, i], alone.factors[:some], atol=1e-12)
        if count < 8:
            assert found.rates[i] == pytest.approx(alone.rate, rel=1e-6)
        np.testing.assert_allclose(found.points[1, i], step(problem.H, start, owner), atol=1e-12)
        value = problem.height(found.points[:, i]) / problem.height(start)
        np.testing.assert_allclose(found.values[:, i], value, atol=1e-25, rtol=1e-6)
        left = np.linalg.norm(found.points[1, i]) / np.linalg.norm(start)
        assert found.left[i] == pytest.approx(left, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("condition", [3.0, 10.0, 1e4])
@pytest.mark.parametrize("size", [2, 4, 64])
def test_both_ends_are_what_theory_says(size, condition):
    problem = quadratic(np.geomspace(1, condition, size), "rotated", blocks=1, angle=np.pi / 6)
    bound = kantorovich(condition)
    worst = worst_start(problem)[None]
    cauchy = paths(problem, runs(size, 1), worst, 30)
    assert cauchy.rates[0] == pytest.approx(bound, rel=0.01)
    starts = np.array([random_start(size, seed) for seed in range(20)])
    assert paths(problem, runs(size, 1), starts, 30).largest.max() <= bound * (1 + 1e-9)
    newton = paths(problem, runs(size, size), np.concatenate([worst, starts]), 1)
    assert newton.left.max() <= 1e-8


def test_a_point_without_slope_stays_and_one_at_the_minimum_has_no_rate():
    problem = quadratic((1.0, 9.0), "rotated", blocks=1, angle=np.pi / 4)
    worst = worst_start(problem)
    assert abs((problem.H @ worst)[0]) < 1e-12
    moved = step(problem.H, worst, np.array([0, 1]))
    np.testing.assert_allclose(moved, step(problem.H, worst, np.array([0, 0])), atol=1e-14)
    axis = paths(problem, runs(2, 1), problem.eigenvectors[:, :1].T, 5)
    assert axis.rates[0] == 0
    assert np.isfinite(axis.points).all()


def test_the_bound_without_a_search_is_right_and_that_of_the_worst_block(problem):
    for count in (1, 2, 4):
        owner = runs(8, count)
        bound = ready_bound(problem.H, owner)
        assert bound >= scaled_bound(problem.H, owner) - 1e-9
        starts = np.array([random_start(8, seed) for seed in range(5)])
        assert paths(problem, owner, starts, 40).largest.max() <= bound + 1e-9
    assert ready_bound(problem.H, runs(8, 1)) == pytest.approx(kantorovich(50))
    apart = quadratic(np.geomspace(1, 50, 8), "rotated", blocks=4, angle=0.5)
    assert ready_bound(apart.H, runs(8, 4)) == pytest.approx(kantorovich(50 ** (1 / 7)))


def test_a_level_set_has_one_height():
    problem = quadratic((1.0, 30.0), "rotated", blocks=1, angle=0.7)
    ring = problem.level_set(2.5)
    assert ring.shape == (121, 2)
    np.testing.assert_allclose(problem.height(ring), 2.5, rtol=1e-12)
    np.testing.assert_allclose(ring[0], ring[-1], atol=1e-12)


@pytest.mark.parametrize(("size", "levels"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6])])
def test_the_levels_double_and_end_with_newton(size, levels):
    assert doublings(size) == levels


def test_no_steps_are_no_path(problem):
    with pytest.raises(InputError, match="steps"):
        paths(problem, runs(8, 1), np.ones((1, 8)), 0)
