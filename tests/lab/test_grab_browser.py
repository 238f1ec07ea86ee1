"""Sliders that follow who presses beside their handle, in a real browser."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

DRAWN = "() => new Promise((then) => requestAnimationFrame(() => setTimeout(then, 50)))"


class Rail:
    """A page's first slider."""

    def __init__(self, page):
        self.page = page
        self.slider = page.locator(".bk-Slider:visible").first
        self.handle = self.slider.locator(".noUi-handle")
        self.handle.wait_for()
        page.wait_for_function("() => window.gnlab_grabs")

    def go(self, share):
        rail = self.slider.locator(".noUi-base").bounding_box()
        x, y = rail["x"] + share * rail["width"], rail["y"] + rail["height"] / 2
        self.page.mouse.move(x, y, steps=8)

    @property
    def value(self):
        self.page.evaluate(DRAWN)
        return float(self.handle.get_attribute("aria-valuenow"))

    @property
    def end(self):
        return float(self.handle.get_attribute("aria-valuemax"))


@pytest.fixture(params=["?preset=moons", "slide"])
def rail(request, tab, address):
    page = tab()
    page.goto(address + request.param)
    return Rail(page)


def test_a_press_on_the_bar_takes_hold_of_the_handle(rail):
    rail.go(0.95)
    rail.page.mouse.down()
    assert rail.value > 0.85 * rail.end
    rail.go(0.0)
    assert rail.value < 0.1 * rail.end
    rail.go(0.6)
    followed = rail.value
    assert 0.4 * rail.end < followed < 0.8 * rail.end
    rail.page.mouse.up()
    rail.go(0.1)
    assert rail.value == followed


def test_a_click_on_the_bar_goes_there_and_lets_go(rail):
    rail.go(0.95)
    rail.page.mouse.down()
    rail.page.mouse.up()
    there = rail.value
    assert there > 0.85 * rail.end
    rail.go(0.1)
    assert rail.value == there
