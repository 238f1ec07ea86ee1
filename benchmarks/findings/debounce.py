"""A slider as the lab has it, and Panel's: from the key in the browser to the value on the server.

Panel collects the changes of a widget for 50 ms before it tells anyone of them.
"""

from collections.abc import Mapping

from playwright.sync_api import Page

from benchmarks.browser import chromium
from benchmarks.findings.journal import Journal, scratch
from benchmarks.findings.sides import Effort, Measured, report
from benchmarks.findings.sliders import NAMES
from benchmarks.lab import KEYS, server

HANDLE = ".noUi-handle"
PAUSE = 250
"""Milliseconds between two keys: longer than any wait that is to be found."""
LATENCY = "key to value on the server (ms)"
LOST = "keys without an answer"


def measure(effort: Effort) -> dict[str, object]:
    """Measure both on one page, a key on each slider in turn.

    Args:
        effort: How much.

    Returns:
        The finding.
    """
    rounds = [_round(effort.presses) for _ in range(effort.rounds)]
    ours, panels = ([of_round[name] for of_round in rounds] for name in NAMES)
    return report("Bokeh's slider, as on the page", ours, "Panel's slider", panels)


def _round(presses: int) -> Mapping[str, Measured]:
    with scratch() as journal, chromium() as browser:
        command = ("benchmarks.findings.sliders", "--journal", str(journal.path))
        with server(command) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            page.wait_for_function("Bokeh.documents[0]?.is_idle", timeout=60_000)
            page.locator(HANDLE).nth(len(NAMES) - 1).wait_for()
            page.evaluate(KEYS)
            pressed = _press(page, presses + 1)
        return {name: _answers(journal, name, pressed[name]) for name in NAMES}


def _press(page: Page, presses: int) -> dict[str, list[float]]:
    """Move each slider by one place at a time.

    Returns:
        For each slider, when each key was pressed.
    """
    pressed: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(presses):
        for place, name in enumerate(NAMES):
            page.locator(HANDLE).nth(place).focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(PAUSE)
            pressed[name].append(page.evaluate("window.pressed_at"))
    return pressed


def _answers(journal: Journal, name: str, pressed: list[float]) -> Measured:
    """How long after each key but the first the server had the value that the key had made."""
    had = {round(fact["value"]): fact["at"] for fact in journal.read("value") if fact["of"] == name}
    waits = [
        had[place] - at for place, at in enumerate(pressed, start=1) if place in had and place > 1
    ]
    return {LATENCY: waits, LOST: [len(pressed) - 1 - len(waits)]}
