"""Where levels begin: at one point, Cauchy's worst or next to it, or each at its own worst."""

import numpy as np
import pytest

from gnlab import rates
from gnlab.lab.slide import quadratic, starts, state
from gnlab.lab.slide.state import Choices


def begun(**choices):
    """The quadratic, its levels and the start of each."""
    chosen = Choices(**choices)
    made, groups = quadratic.problem(chosen), rates.doublings(chosen.size)
    return made, groups, starts.starts(made, chosen, groups)


@pytest.mark.parametrize("rotation", [0, 1, 30, 45, 63, 90])
@pytest.mark.parametrize("condition", [1.0, 3.0, 300.0, 1e4])
@pytest.mark.parametrize("size", state.SIZES)
def test_no_level_can_be_slower_than_from_its_own_worst_start(size, condition, rotation):
    for coupling in range(state.reach(size) + 1):
        made, groups, points = begun(
            size=size, condition=condition, rotation=rotation, coupling=coupling, start="own"
        )
        for count, x in zip(groups[:-1], points, strict=False):
            owner = rates.runs(size, count)
            bound = rates.ready_bound(made.H, owner)
            way = rates.paths(made, owner, x[None], 20)
            assert way.rates[0] == pytest.approx(bound, rel=1e-8, abs=1e-15)
            assert 1 - way.rates[0] == pytest.approx(1 - bound, rel=1e-8)
            assert way.largest[0] <= bound * (1 + 1e-9) + 1e-15


def test_the_ends_begin_where_cauchy_is_slowest():
    made, _, points = begun(size=16, condition=100.0, start="own")
    for x in (points[0], points[-1]):
        np.testing.assert_array_equal(x, rates.worst_start(made))


@pytest.mark.parametrize("start", ["shared", "worst", "random"])
def test_the_other_starts_are_one_for_all_levels(start):
    _, _, points = begun(size=16, start=start, seed=3)
    for x in points[1:]:
        np.testing.assert_array_equal(x, points[0])


def test_a_slide_opens_with_the_same_start_for_all_levels():
    assert Choices().start == "shared"
    made, _, points = begun()
    np.testing.assert_array_equal(points, [rates.worst_start(made)] * 2)


@pytest.mark.parametrize("rotation", [0, 1, 30, 45, 63, 90])
@pytest.mark.parametrize("condition", [1.0, 3.0, 300.0, 1e4])
@pytest.mark.parametrize("size", state.SIZES)
def test_from_the_start_that_all_share_cauchy_is_at_its_bound_and_no_other_arrives_at_once(
    size, condition, rotation
):
    for coupling in range(state.reach(size) + 1):
        made, groups, points = begun(
            size=size, condition=condition, rotation=rotation, coupling=coupling
        )
        ways = [
            rates.paths(made, rates.runs(size, count), x[None], 30)
            for count, x in zip(groups, points, strict=True)
        ]
        bound = rates.ready_bound(made.H, rates.runs(size, 1))
        assert 0.99 * bound - 1e-15 <= ways[0].rates[0] <= bound * (1 + 1e-9) + 1e-15
        if condition > 1:
            for way in ways[1:-1]:
                assert way.left[0] > 1e-8


@pytest.mark.parametrize("condition", [1.0, 10.0, 1e4])
@pytest.mark.parametrize("rotation", [0, 30, 45, 90])
@pytest.mark.parametrize("size", [2, 4, 16])
def test_which_levels_arrive_at_once_from_cauchys_worst_start_is_known(size, rotation, condition):
    for coupling in range(state.reach(size) + 1):
        made, groups, points = begun(
            size=size, condition=condition, rotation=rotation, coupling=coupling, start="worst"
        )
        left = [
            rates.paths(made, rates.runs(size, count), x[None], 1).left[0]
            for count, x in zip(groups, points, strict=True)
        ]
        at_once = [
            count for count, error in zip(groups[1:-1], left[1:-1], strict=True) if error <= 1e-8
        ]
        assert starts.apart(made, groups) == ([] if condition == 1 else at_once)
