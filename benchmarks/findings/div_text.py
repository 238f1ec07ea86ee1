"""A number that changes with every frame: in a Div, or as a glyph in a figure with fixed ranges.

Measured on a small page, and as one more number on the lab's own page, whose other numbers are
glyphs in a figure that is painted anyway. Bokeh builds a Div anew with its style sheets when its
text changes; what that costs depends on the page around it. What the browser's main thread does in
that time is what Chromium itself counts.
"""

from collections.abc import Mapping

from playwright.sync_api import Browser, CDPSession

from benchmarks.browser import chromium
from benchmarks.findings.journal import scratch
from benchmarks.findings.sides import Effort, Measured, Side, compare
from benchmarks.lab import server

WARM = 1.5
"""Seconds that a page runs before it is watched."""
_DRAWN = "(window.drawn ?? []).length"
_PLAYED = "window.gnlab_frames?.some((frame) => frame.step > 0) ? gnlab_frames.at(-1).version : 0"


def small(effort: Effort) -> dict[str, object]:
    """Measure both on a page of four heatmaps, as many frames a second as are drawn.

    Args:
        effort: How much.

    Returns:
        The finding.
    """
    with server(("benchmarks.findings.texts",)) as address, chromium() as browser:

        def look(kind: str) -> Measured:
            return _look(browser, f"{address}?text={kind}", _DRAWN, effort)

        return compare(
            Side("a glyph in a fixed figure", lambda: look("glyph")),
            Side("a Div's text", lambda: look("div")),
            effort.rounds,
        )


def on_page(effort: Effort) -> dict[str, object]:
    """Measure the lab's page as it is, and with one more number in a Div.

    Args:
        effort: How much.

    Returns:
        The finding.
    """

    def look(*switches: str) -> Measured:
        with scratch() as journal:
            command = ("benchmarks.findings.serving", "--journal", str(journal.path), *switches)
            with server(command) as at, chromium() as browser:
                return _look(browser, f"{at}?preset={effort.preset}&play=true", _PLAYED, effort)

    found = compare(
        Side("the page as it is, its numbers glyphs", look),
        Side("with one more number, in a Div", lambda: look("--div")),
        effort.rounds,
    )
    return {**found, "preset": effort.preset}


def _look(browser: Browser, link: str, frames: str, effort: Effort) -> Measured:
    """Open a page and watch what the browser's main thread does.

    Args:
        browser: The browser.
        link: The page.
        frames: A JavaScript expression that counts the frames drawn.
        effort: How long to watch.

    Returns:
        Frames per second, and what each frame takes.
    """
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    try:
        page.goto(link)
        page.wait_for_function(f"({frames}) > 2", timeout=60_000)
        page.wait_for_timeout(1000 * WARM)
        counter = page.context.new_cdp_session(page)
        counter.send("Performance.enable")
        first, before = page.evaluate(frames), _metrics(counter)
        page.wait_for_timeout(1000 * effort.seconds)
        last, after = page.evaluate(frames), _metrics(counter)
    finally:
        page.close()
    spent = {name: after[name] - before[name] for name in after}
    return _per_frame(spent, last - first)


def _metrics(counter: CDPSession) -> Mapping[str, float]:
    found = counter.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in found}


def _per_frame(spent: Mapping[str, float], frames: int) -> Measured:
    """Chromium's seconds, of all frames, as milliseconds of one."""
    busy, script = spent["TaskDuration"], spent["ScriptDuration"]
    layout = spent["RecalcStyleDuration"] + spent["LayoutDuration"]
    each = 1000 / frames
    return {
        "frames per second": [frames / spent["Timestamp"]],
        "main thread per frame (ms)": [each * busy],
        "of it script (ms)": [each * script],
        "of it style and layout (ms)": [each * layout],
        "style and layout in the main thread's time (%)": [100 * layout / busy],
    }
