"""Legends: in an empty figure they say nothing, in the others they name what has data."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WORDS = """(name) => {
  const box = model_named(name).above.find((part) => part.items != null)
  if (!box.label_text_alpha) return []
  return box.items.filter((item) => item.visible).map((item) => item.label.value)
}"""


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
