"""What is played on a page that is served is recorded."""

import time

import pytest

from gnlab.runs import open_record

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STEP = "() => (window.gnlab_frames ?? []).at(-1)?.step ?? 0"


def test_every_step_is_recorded_also_when_the_tab_is_closed(tab, address, records):
    before = set(records.iterdir())
    page = tab()
    page.goto(f"{address}?preset=moons&play=true")
    page.wait_for_function(f"() => ({STEP})() > 20")
    last = page.evaluate(STEP)
    told = page.get_by_text("Recorded in").locator("code")
    folder = told.inner_text()
    page.close()
    # What was not on disk yet is written when the page's run is closed, some seconds later.
    end = time.monotonic() + 60
    steps = []
    while len(steps) < last and time.monotonic() < end:
        time.sleep(0.2)
        for written in set(records.iterdir()) - before:
            assert str(written) == folder  # as the page has said
            parts = open_record(written).parts
            steps = [int(step) for part in parts for step in part.step.values]
    assert steps[:last] == list(range(1, last + 1))
