"""Legends: in an empty figure they say nothing, in the others they name what has data."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WORDS = """(name) => {
  const box = model_named(name).above.find((part) => part.items != null)
  if (!box.label_text_alpha) return []
  return box.items.filter((item) => item.visible).map((item) => item.label.value)
}"""

# A legend's left end, the room on its right, and how far it ends above the frame, in pixels.
PLACE = """(name) => {
  const made = model_named(name)
  const view = Bokeh.index.find_one(made)
  const box = view.views.find_one(made.above.find((part) => part.items != null))
  const [figure, legend] = [view.el.getBoundingClientRect(), box.el.getBoundingClientRect()]
  const frame = figure.top + view.frame.bbox.top
  return [legend.left - figure.left, figure.right - legend.right, frame - legend.bottom]
}"""
HALF = 7  # of a tick's label, which stands half above the frame's upper end
# Waited for: the legend takes its place in the figure's second layout.
WITHIN = f"""(name) => {{
  const [left, right, above] = ({PLACE})(name)
  return left >= 0 && right >= 0 && above >= {HALF}
}}"""


@pytest.mark.parametrize("width", [360, 1100])
def test_a_legend_is_within_its_figure_and_above_the_highest_tick(tab, address, width):
    page = tab(width, 800)
    page.goto(f"{address}?preset=moons&play=false")
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function("() => model_named('trust-lines')?.data.step.length > 0")
    for name in ("trust", "loss", "agreement", "what-if", "what-if-cost", "shares"):
        page.wait_for_function("(name) => model_named(name)?.inner_width > 0", arg=name)
        page.wait_for_function(WITHIN, arg=name)


@pytest.mark.parametrize("width", [360, 480, 1280])
def test_the_slides_legend_names_every_level(tab, address, width):
    page = tab(width, 800)
    page.goto(f"{address}slide?size=64")
    page.wait_for_function("() => model_named('quadratic-curves-lines')?.data.label?.length == 7")
    page.wait_for_function("() => model_named('quadratic-curves').inner_width > 0")
    page.wait_for_function(WITHIN, arg="quadratic-curves")


def test_an_empty_figure_has_no_legend(tab, address):
    page = tab()
    page.goto(f"{address}?play=false")
    page.wait_for_function("() => model_named('what-if-curves')?.data.S != null")
    page.wait_for_function("() => model_named('what-if')?.inner_width > 0")
    page.wait_for_function(f"() => ({WORDS})('loss').length == 0")
    height = page.evaluate("() => model_named('loss').inner_height")
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function(f"() => ({WORDS})('loss').length == 2")
    assert page.evaluate(WORDS, "loss") == ["training, smoothed", "validation"]
    assert page.evaluate(WORDS, "what-if") == []
    assert page.evaluate("() => model_named('loss').inner_height") == height


def test_a_legend_names_no_validation_where_there_is_none(tab, address):
    page = tab()
    page.goto(f"{address}?preset=quadratic&play=false")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function("() => model_named('loss-train').data.step.length > 0")
    page.wait_for_function(f"() => ({WORDS})('loss').length == 1")
    assert page.evaluate(WORDS, "loss") == ["training, smoothed"]
