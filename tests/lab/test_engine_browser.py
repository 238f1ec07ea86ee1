"""What a page says when its server's engine is killed, and what another page gets."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from gnlab.runs import open_record

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

SERVE = "from gnlab.lab.served import serve; serve(port={{port}}, show=False, record_dir={!r})"
PLAYS = "() => window.gnlab_frames?.at(-1)?.step > 2"
RECORDED = "() => model_named('recorded').text"


def engine_of(server):
    """The number of a server's engine's process."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    said = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
    (found,) = [child for child, line in said.items() if "spawn_main" in line]
    return found


def test_a_killed_engine_ends_no_server(tab, serving, keep, tmp_path):
    with serving(sys.executable, "-c", SERVE.format(str(tmp_path))) as (url, server):
        page = tab()
        page.goto(f"{url}?preset=moons&play=true")
        page.wait_for_function(PLAYS)
        page.wait_for_function("() => model_named('recorded').text.includes('moons')")
        folder = re.search("<code>(.*)</code>", page.evaluate(RECORDED))[1]
        page.get_by_role("button", name="Pause", exact=True).click()
        page.get_by_role("button", name="▶ Play", exact=True).wait_for()
        os.kill(engine_of(server.pid), signal.SIGKILL)
        said = page.get_by_text("The engine has ended")
        said.wait_for()
        for name in ("Step", "Branch", "↺ Reset"):
            page.get_by_role("button", name=name, exact=True).click()
        assert "To start anew, reload the page" in said.inner_text()
        assert page.get_by_role("button", name="Rewind").count() == 0
        assert len(open_record(folder).parts[0].step) > 2
        keep(page, "engine-killed")
        other = tab()
        other.goto(f"{url}?preset=circles&play=true")
        other.wait_for_function(PLAYS)
        assert said.is_visible()
        page.reload()
        page.wait_for_function(PLAYS)
        assert page.get_by_text("The engine has ended").count() == 0
        keep(page, "engine-killed-reloaded")
        assert page.evaluate(RECORDED).count(folder) == 0
