"""The browser's history: Back leaves the page, Forward opens it again with what was chosen."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

TITLE = "data:text/html,<title>the page before</title>"
LENGTH = "() => history.length"
ADDRESSED = "(text) => location.search.includes(text)"


def go_back_and_forth(page):
    """Leave by the browser's Back, and come again by its Forward."""
    address = page.url
    page.go_back()
    page.wait_for_function("() => document.title == 'the page before'")
    page.go_forward()
    page.wait_for_function("() => window.model_named?.('theme') != null")
    assert page.url == address


def test_back_leaves_the_lab_and_its_address_opens_the_same(tab, address, drag):
    page = tab()
    page.goto(TITLE)
    page.goto(f"{address}?preset=moons")
    page.wait_for_function("() => model_named('coarseness')?.end > 1")
    before = page.evaluate(LENGTH)
    for place in (0.0, 0.4, "one group per tensor", 0.0):
        drag(page, place)
        page.wait_for_timeout(600)
    page.wait_for_function(ADDRESSED, arg="partition=all")
    page.get_by_label("Theme", exact=True).select_option("dark")
    page.wait_for_function(ADDRESSED, arg="theme=dark")
    assert page.evaluate(LENGTH) == before
    go_back_and_forth(page)
    page.wait_for_function("() => model_named('coarseness').end > 1")
    assert page.evaluate("() => model_named('coarseness').value") == 0
    assert page.evaluate("() => model_named('theme').value") == "dark"


def test_back_leaves_the_slide_and_its_address_opens_the_same(tab, address):
    page = tab()
    page.goto(TITLE)
    page.goto(f"{address}slide")
    page.wait_for_function("() => model_named('slide-ack')?.data.number[0] > 0")
    before = page.evaluate(LENGTH)
    for theme in ("dark", "light", "dark"):
        page.get_by_label("Theme", exact=True).select_option(theme)
        page.wait_for_function(ADDRESSED, arg=f"theme={theme}")
    assert page.evaluate(LENGTH) == before
    go_back_and_forth(page)
    assert page.evaluate("() => model_named('theme').value") == "dark"
