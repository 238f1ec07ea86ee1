"""The keyboard's shortcuts, in a real browser."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

STEP = "() => window.gnlab_frames.at(-1).step"
APPLIED = "() => window.gnlab_frames.at(-1).applied"
STATE = "() => model_named('frame').data.state[0]"


def test_each_key_does_what_the_page_says(tab, address):
    page = tab()
    page.goto(address)
    page.wait_for_function("() => (window.gnlab_frames ?? []).length > 0")
    page.wait_for_function("() => model_named('coarseness').end > 1")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => ({STEP})() == 1")
    before = page.evaluate("() => model_named('coarseness').value")
    page.keyboard.press("[")
    page.wait_for_function("(before) => model_named('coarseness').value == before - 1", arg=before)
    page.keyboard.press("]")
    page.wait_for_function("(before) => model_named('coarseness').value == before", arg=before)
    page.keyboard.press("r")
    page.wait_for_function(f"() => ({STEP})() == 0")
    page.keyboard.press(" ")
    page.wait_for_function(f"() => ({STEP})() > 1")
    page.keyboard.press(" ")
    page.wait_for_function(f"() => ({STATE})() != 'playing'")


def test_the_space_bar_presses_the_button_that_the_keyboard_is_on(tab, address):
    page = tab()
    page.goto(f"{address}?preset=moons")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Step", exact=True).focus()
    page.keyboard.press("Space")
    page.wait_for_function("() => window.gnlab_frames.at(-1).step >= 1")
    assert page.evaluate("() => model_named('keys').data.count") == []  # no shortcut was taken


@pytest.mark.parametrize("button", ["Step", "↺ Reset", "What if?", "Branch"])
def test_the_space_bar_plays_after_a_click_on_a_button(tab, address, button):
    page = tab()
    page.goto(f"{address}?preset=moons")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    before = page.evaluate(APPLIED)
    page.get_by_role("button", name=button, exact=True).click()
    if button == "Branch":
        page.get_by_text("A copy of this run waits").wait_for()
    else:
        page.wait_for_function(f"(before) => ({APPLIED})() > before", arg=before)
    page.keyboard.press("Space")
    page.wait_for_function(f"() => ({STATE})() == 'playing'")
    page.keyboard.press("Space")
    page.wait_for_function(f"() => ({STATE})() != 'playing'")


def test_brackets_leave_a_level_that_cannot_be_chosen_alone(tab, address):
    page = tab()
    page.goto(f"{address}?preset=moons&optimizer=adam")
    # It stands at the coarsest level until the page has seen its run.
    page.wait_for_function("() => model_named('coarseness')?.value > 0")
    before = page.evaluate("() => model_named('coarseness').value")
    page.keyboard.press("]")
    page.keyboard.press("[")
    page.keyboard.press("[")
    assert page.evaluate("() => model_named('coarseness').value") == before


@pytest.mark.parametrize("held", [{"ctrlKey": True, "altKey": True}, {"altKey": True}])
def test_brackets_may_be_typed_with_altgr_or_option(tab, address, held):
    page = tab()
    page.goto(f"{address}?preset=moons")
    # A frame tells that the page is ready for keys, and that the slider stands where the run is.
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    before = page.evaluate("() => model_named('coarseness').value")
    typed = "(more) => document.body.dispatchEvent(new KeyboardEvent('keydown', more))"
    page.evaluate(typed, {"key": "[", "bubbles": True, "composed": True, "ctrlKey": True})
    page.evaluate(typed, {"key": "]", "bubbles": True, "composed": True, **held})
    page.wait_for_function("(at) => model_named('coarseness').value == at", arg=before + 1)


def test_a_click_on_a_figure_leaves_the_keyboard_where_it_was(tab, address):
    page = tab()
    page.goto(f"{address}?preset=moons")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.locator(".gn-hessian [data-plot] canvas").first.wait_for()
    page.locator(".gn-hessian [data-plot]").click()
    assert page.evaluate("() => document.activeElement == document.body")
