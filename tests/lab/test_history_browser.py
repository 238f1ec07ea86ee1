"""One step at every level, found again and again while the run trains."""

import numpy as np
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MEASURED = "() => model_named('what-if-measured-cells')?.data.term[0]"
LEVELS = "model_named('what-if-measured-names').data.name.length"


def test_every_so_many_steps_a_column_comes_to_the_picture(tab, address, keep):
    page = tab()
    page.goto(f"{address}?preset=moons&every=5&play=true")
    # Not before the figures above it have their heights: out of sight it would wait.
    page.wait_for_function("() => window.gnlab_frames?.at(-1)?.step > 2")
    page.locator(".gn-what-if").scroll_into_view_if_needed()
    # Eight cells to a column: the picture is drawn to scale, and steps between may be missing.
    page.wait_for_function(f"() => ({MEASURED})()?.length >= 8 * 3 * {LEVELS}")
    shown = np.array(page.evaluate(f"() => Array.from(({MEASURED})())"), dtype=float)
    assert len(np.unique(shown[np.isfinite(shown)])) >= 3
    keep(page, "what-if-history")
