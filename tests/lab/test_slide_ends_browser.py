"""What is seen of both ends of the slide, and of the levels between, is what theory says."""

import numpy as np
import pytest

from tests.lab.slides import BEFORE, BEYOND, CLOUD, Slide

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

RANDOM_STARTS = 20


@pytest.fixture
def slide(tab, address):
    def slide(query="", width=1280, height=800):
        return Slide(tab(width, height), f"{address}slide{query}")

    return slide


@pytest.mark.parametrize(
    ("size", "condition", "more"),
    [
        (2, 10, ""),
        (16, 100, "&coupling=4&rotation=50&start=own"),
        (2, 1.5, "&rotation=70"),
        (4, 1000, "&rotation=20&start=worst"),
        (64, 10_000, "&start=worst"),
    ],
)
def test_both_ends_are_what_theory_says(slide, size, condition, more):
    """The sentence that this page is to make true."""
    page = slide(f"?size={size}&condition={condition}{more}")
    worst = page.levels()
    bound = worst["bound"][0]
    assert bound == pytest.approx(((condition - 1) / (condition + 1)) ** 2, rel=1e-12)
    assert worst["rate"][0] == pytest.approx(bound, rel=1e-6)
    # Near 1 the factor itself says little: how far it is from 1 is how fast it is.
    assert 1 - worst["rate"][0] == pytest.approx(1 - bound, rel=1e-6)
    assert worst["left"][-1] <= 1e-8
    cells = page.page.locator(".gn-quadratic-table tbody tr").first.locator("td").all_inner_texts()
    assert float(cells[0]) == pytest.approx(bound, rel=1e-3)
    assert cells[0] == cells[2]
    page.choose("Start", "random")
    seen = set()
    for seed in range(RANDOM_STARTS):
        page.seed(seed)
        page.shows(start="random", seed=seed)
        found = page.levels()
        assert found["largest"][0] <= bound * (1 + 1e-9)
        assert found["left"][-1] <= 1e-8
        seen.add(found["rate"][0])
    assert len(seen) == RANDOM_STARTS
    page.page.wait_for_function(f"() => ({CLOUD})()[0].length > 0")
    groups, largest = (np.array(column) for column in page.read(CLOUD))
    assert (groups == 1).sum() == RANDOM_STARTS
    assert largest[groups == 1].max() <= bound * (1 + 1e-9)


def test_a_teacher_adds_dimensions_and_all_levels_have_the_same_start(slide, keep):
    page = slide("?condition=100&size=8&coupling=1")
    for share, size in ((0.6, 16), (BEYOND, 64), (0.2, 4)):
        page.drag("Dimension", share)
        page.shows(size=size, coupling=1, start="shared")
        levels = page.levels()
        assert levels["groups"][-1] == size
        assert levels["rate"][0] == pytest.approx(levels["bound"][0], rel=0.01)
        assert np.all(np.diff(levels["rate"]) < 0)
        assert min(levels["left"][:-1]) > 1e-8 >= levels["left"][-1]
    page.page.get_by_text("All levels begin at one point").wait_for()
    keep(page.page, "slide-shared-start")


def test_from_its_own_worst_start_every_level_is_as_slow_as_it_can_be(slide, keep):
    page = slide("?condition=100&start=own")
    for share, size in ((0.4, 8), (BEYOND, 64), (BEFORE, 2), (0.2, 4)):
        page.drag("Dimension", share)
        page.shows(size=size, coupling=6, start="own")
        page.page.get_by_text("all with all").wait_for()
        levels = page.levels()
        between = slice(0, len(levels["groups"]) - 1)
        assert levels["groups"][-1] == size
        assert levels["rate"][between] == pytest.approx(levels["bound"][between], rel=1e-6)
        assert np.all(np.diff(levels["rate"]) < 0)
        assert levels["left"][-1] <= 1e-8
    keep(page.page, "slide-own-worst")


def test_runs_that_are_coupled_stay_what_was_chosen_where_there_are_fewer_coordinates(slide):
    page = slide("?size=16")
    page.drag("Coupling", 0.5)
    page.shows(size=16, coupling=2)
    page.drag("Dimension", BEFORE)
    page.shows(size=2, coupling=6)
    page.drag("Dimension", 0.6)
    page.shows(size=16, coupling=2)


def test_where_levels_coincide_with_newton_the_page_says_why(slide, keep):
    page = slide("?size=8&coupling=1&start=worst")
    page.page.get_by_text("So are S = 2 and 4, but from this start alone").wait_for()
    assert max(page.levels()["left"][1:]) <= 1e-8
    page.choose("Start", "each level's own worst")
    page.shows(start="own")
    page.page.get_by_text("So are S = 2 and 4").wait_for(state="detached")
    levels = page.levels()
    assert levels["rate"][:-1] == pytest.approx(levels["bound"][:-1], rel=1e-6)
    assert min(levels["rate"][:-1]) > 0.01
    keep(page.page, "slide-own-worst-of-runs")
