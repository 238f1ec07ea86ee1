"""The theme, also of what surrounds the pages."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AROUND = "() => getComputedStyle(document.documentElement).backgroundColor"
DARK, LIGHT = "rgb(16, 19, 25)", "rgb(243, 244, 247)"


@pytest.mark.parametrize("path", ["", "slide"])
def test_what_surrounds_a_page_has_its_theme(tab, address, path):
    page = tab()
    page.goto(f"{address}{path}?theme=dark")
    page.wait_for_function("() => window.model_named?.('theme') != null")
    assert page.evaluate(AROUND) == DARK
    page.evaluate("() => { model_named('theme').value = 'light' }")
    page.wait_for_function(f"(light) => ({AROUND})() == light", arg=LIGHT)
