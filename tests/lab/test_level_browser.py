"""The level slider in a browser: what it says of the level of a link, and a very fine level."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

TITLE = """() => [...Bokeh.index].map(function find(view) {
  if (view.model.name == "coarseness") return view.title_el.textContent
  return (view.child_views ?? []).map(find).find((text) => text != null)
}).find((text) => text != null)"""
GROUPS = f"() => Number(({TITLE})()?.match(/S = (\\d+)/)?.[1])"
NAMES = "(plot) => Array.from(model_named(`${plot}-names`)?.data.name ?? [])"
SHAPE = "() => model_named('hessian-cells')?.data.image[0]?.shape?.[0] ?? 0"


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("?preset=moons&partition=all", "Level: S = 1, one group for all"),
        ("?preset=moons&partition=neuron", "Level: S = 34"),
        ("?preset=quadratic&partition=tensor", "Level: S = 1, one group per tensor"),
    ],
)
def test_the_level_that_a_link_names_is_named(tab, address, query, title):
    page = tab()
    page.goto(address + query)
    page.wait_for_function(f"(title) => window.Bokeh != null && ({TITLE})() == title", arg=title)


def test_the_keyboard_goes_from_a_level_off_the_ladder_to_its_neighbours(tab, address):
    page = tab()
    page.goto(f"{address}?preset=moons&partition=neuron")
    page.wait_for_function(f"() => window.Bokeh != null && ({GROUPS})() == 34")
    page.keyboard.press("]")
    page.wait_for_function(f"() => ({GROUPS})() > 34")
    finer = page.evaluate(GROUPS)
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function(f"(groups) => ({SHAPE})() == groups", arg=finer)
    page.keyboard.press("[")
    page.keyboard.press("[")
    page.wait_for_function(f"() => ({GROUPS})() < 34")
    assert 8 < page.evaluate(GROUPS) < 34


def test_of_very_many_groups_the_curvature_between_bundles_is_shown(tab, address, drag, keep):
    page = tab()
    page.goto(f"{address}?preset=spirals&period=1")
    page.wait_for_function(f"() => window.Bokeh != null && ({GROUPS})() > 1")
    drag(page, 1.0)
    page.wait_for_function(f"() => ({GROUPS})() == 1322")
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function(f"() => ({SHAPE})() == 256")
    (note,) = page.evaluate("() => Array.from(model_named('hessian-note').data.text)")
    assert note.startswith("S = 1322, summed in ")
    assert len(page.evaluate("() => Array.from(model_named('rates-groups').data.name)")) == 1322
    keep(page, "newton-bundled")

    # Near enough, every cell is a group of its own, which the engine is asked for.
    place = page.locator(".gn-hessian [data-plot]")
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    for _ in range(2):
        page.mouse.dblclick(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
        page.wait_for_timeout(300)
    page.wait_for_function("() => model_named('hessian-note').data.text[0].includes('1322 groups')")
    page.wait_for_function(f"() => 80 < ({SHAPE})() && ({SHAPE})() < 86")
    # Of a run that stands still their inverse follows, between the same groups.
    page.wait_for_function("() => model_named('inverse-note').data.text[0].includes('1322 groups')")
    for plot in ("hessian", "inverse", "anatomy-products"):
        page.wait_for_function(f"() => ({NAMES})('{plot}').length < 86")
        assert all("…" not in name for name in page.evaluate(f"() => ({NAMES})('{plot}')"))
    keep(page, "newton-single")
