"""What the rates are given by a person: every wrong thing is one line that says what is right."""

import numpy as np
import pytest

from gnlab import rates
from gnlab.errors import InputError

PROBLEM = rates.quadratic((1.0, 2.0, 5.0))
START = np.ones(3)
HALVES = np.array([0, 0, 1])


def refused(message, call, *given, **options):
    with pytest.raises(InputError, match=message) as error:
        call(*given, **options)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("owner", "got"),
    [
        ([0, 1], r"got shape \[2\]"),
        ([[0], [0], [1]], r"got shape \[3, 1\]"),
        ([], r"got array|got \[\]"),
        ([0, -1, 1], "got -1 at 1"),
        ([0, 2, 2], "largest number of 2, and none in group 1"),
        ([0, 2**62, 1], "largest number of 4611686018427387904, and none in group 2"),
        (["a"], r"got \['a'\]"),
        ([0.0, 0.5, 1.0], r"got \[0.0, 0.5, 1.0\]"),
        ([True, False, True], r"got \[True, False, True\]"),
        ([[0], [0, 1]], r"got \[\[0\], \[0, 1\]\]"),
        (None, "got None"),
        (np.zeros((50, 50)), r"got array\(.*\.\.\.\."),
    ],
)
def test_what_are_no_groups(owner, got):
    wanted = f"group of each of the 3 coordinates.*{got}"
    refused(wanted, rates.convergence, PROBLEM, owner, START, 3)
    refused(wanted, rates.paths, PROBLEM, owner, START[None], 3)
    refused(f"level 'mine' must.*{got}", rates.measure, PROBLEM, {"mine": owner})
    for bound in (rates.scaled_bound, rates.ready_bound, rates.best_scaling):
        refused(wanted, bound, PROBLEM.H, owner)


def test_groups_may_be_a_list():
    one = rates.convergence(PROBLEM, [0, 0, 1], [1, 1, 1], 3)
    np.testing.assert_array_equal(one.factors, rates.convergence(PROBLEM, HALVES, START, 3).factors)
    assert rates.scaled_bound(PROBLEM.H.tolist(), [0, 0, 1]) == rates.scaled_bound(
        PROBLEM.H, HALVES
    )


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ([0.0, 0.0, 0.0], "must not be the minimum"),
        ([1.0, np.nan, 0.0], "finite numbers.*got nan at"),
        ([1.0, np.inf, 0.0], "finite numbers.*got inf at"),
        ([1.0, 1.0], "got shape"),
        ("abc", "got .*abc"),
    ],
)
def test_where_nothing_can_start(start, message):
    refused(message, rates.convergence, PROBLEM, HALVES, start, 3)
    refused(message, rates.paths, PROBLEM, HALVES, [start], 3)


@pytest.mark.parametrize("start", [[np.nan, 1.0], [np.inf, 1.0], [1.0, 1.0, 1.0], "ab", None])
def test_where_no_walk_can_start(start):
    refused(r"start must be finite numbers of shape \[2\]; got", rates.walk, start, [0, 1], 1.0, 3)


def test_starts_are_several():
    refused(r"starts .* shape \[n, 3\]; got shape \[3\]", rates.paths, PROBLEM, HALVES, START, 3)
    refused("got shape", rates.paths, PROBLEM, HALVES, np.ones((0, 3)), 3)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_the_size_of_a_start_does_not_matter(size):
    expected = rates.convergence(PROBLEM, HALVES, START, 5).factors
    found = rates.convergence(PROBLEM, HALVES, START * size, 5).factors
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    way = rates.paths(PROBLEM, HALVES, START[None] * size, 5)
    np.testing.assert_allclose(way.factors[:, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(way.left, rates.paths(PROBLEM, HALVES, START[None], 5).left)


@pytest.mark.parametrize(
    ("H", "message"),
    [
        (np.diag([1.0, np.nan, 1.0]), r"H must be finite .*got nan at \[1, 1\]"),
        (np.diag([1.0, np.inf, 1.0]), r"H must be finite .*got inf at \[1, 1\]"),
        (np.ones((2, 3)), r"got shape \[2, 3\]"),
        (np.triu(np.ones((3, 3))), "must be symmetric"),
        (None, "got None"),
    ],
)
def test_what_is_no_hessian(H, message):
    for bound in (rates.scaled_bound, rates.ready_bound, rates.best_scaling):
        refused(message, bound, H, HALVES)
    refused(message, rates.slopes, H, START)
    own = rates.Quadratic(H, PROBLEM.eigenvalues, PROBLEM.eigenvectors)
    refused(message, rates.convergence, own, HALVES, START, 3)
    refused(message, rates.paths, own, HALVES, START[None], 3)
    refused(message, rates.measure, own, [1])


@pytest.mark.parametrize("last", [0.0, -1.0])
def test_a_hessian_that_bends_down_has_no_rate(last):
    for bound in (rates.scaled_bound, rates.ready_bound, rates.best_scaling):
        refused("must be positive definite", bound, np.diag([1.0, 1.0, last]), HALVES)


@pytest.mark.parametrize("seed", [-1, 1.5, "a", None, True])
def test_what_is_no_seed(seed):
    refused("seed must be a whole number", rates.random_start, 3, seed)
    refused("seed must be a whole number", rates.quadratic, (1.0, 2.0), seed=seed)
    refused("seed must be a whole number", rates.measure, PROBLEM, [1], seed=seed)


@pytest.mark.parametrize("sign", [1, -1])
def test_with_one_coordinate_one_step_is_enough_from_every_start(sign):
    one = rates.quadratic((4.0,))
    worst = rates.worst_start(one, sign)
    assert worst.tolist() == [sign * 0.25]
    assert rates.convergence(one, [0], worst, 3).factors.tolist() == [0.0]
    table = rates.measure(one, rates.doublings(1), starts=2, steps=3)
    assert table.bound.values.tolist() == [0.0]
    assert (table.rate.values == 0).all()


def test_numbers_out_of_bounds():
    refused("sign must be 1 or -1", rates.worst_start, PROBLEM, 0)
    refused("size must be", rates.random_start, 0, 0)
    refused("size must be", rates.doublings, 0)
    refused("size must be", rates.runs, "a", 1)
    refused("steps must be", rates.convergence, PROBLEM, HALVES, START, 0)
    refused("condition must be", rates.kantorovich, 0.5)
    refused("spectrum must be finite", rates.quadratic, (1.0, np.inf))
    refused("spectrum must be finite", rates.quadratic, ("a",))
    refused("angle must be", rates.quadratic, (1.0, 2.0), "banded", angle=np.nan)
    refused("in two dimensions; got 3", PROBLEM.level_set, 1.0)
    refused("height must be", rates.quadratic((1.0, 2.0)).level_set, -1.0)
    refused(r"in \[-1e\+08, 1e\+08\]", rates.walk, [1e200, 1.0], [0, 1], 1.0, 3)
    for levels in (None, 3, "abc"):
        refused("levels must be numbers of groups", rates.measure, PROBLEM, levels)
