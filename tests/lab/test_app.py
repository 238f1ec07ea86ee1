"""``panel serve apps/lab.py``, as a user runs it: it opens, trains, and ends as it should."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to end a program"),
]

APPS = Path(__file__).parents[2] / "apps"
APP = APPS / "lab.py"
SECONDS = 60

# Served beside the lab by the same process, it writes down what only that process can know.
PROBE = """
import gc
import json
import pathlib
import socket

import panel as pn
from bokeh.server.views.ws import WSHandler

open_ones = [one.ws_connection for one in gc.get_objects() if issubclass(type(one), WSHandler)]
sockets = [one.stream.socket for one in open_ones if one is not None]
known = {{
    "no_delay": [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in sockets],
    "engine": pn.state.as_cached("gnlab-host", lambda: None).engine.pid,
}}
pathlib.Path({answer!r}).write_text(json.dumps(known))
pn.pane.Str("written").servable()
"""


def ctrl_c_works():
    """A program started in the background of a shell may have been told to ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def served(serving, tmp_path):
    """The lab's address, its process, the file of what it said, and what the probe says."""
    answer, probe = tmp_path / "answer.json", tmp_path / "probe.py"
    probe.write_text(PROBE.format(answer=str(answer)))
    command = [sys.executable, "-m", "panel", "serve", str(APP), str(probe), "--port", "{port}"]

    def ask():
        urllib.request.urlopen(url.replace("/lab", "/probe"), timeout=SECONDS).close()
        return json.loads(answer.read_text())

    with (
        (tmp_path / "said.txt").open("w+") as said,
        serving(
            *command,
            path="lab",
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=ctrl_c_works,
            env=os.environ | {"GNLAB_RUNS": str(tmp_path / "runs")},
        ) as (url, process),
    ):
        yield url, process, said, ask


def ends_well(process, said, engine):
    """Whether the program leaves in good order, and its engine with it."""
    assert process.wait(SECONDS) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(engine, 0)
    said.seek(0)
    assert "Traceback" not in said.read()


def test_it_trains_in_a_browser_and_ends_with_ctrl_c(tab, served):
    url, process, said, ask = served
    page = tab()
    page.goto(url)
    page.get_by_role("button", name="▶ Play", exact=True).click()
    page.wait_for_function("() => (window.gnlab_frames ?? []).at(-1)?.step > 3")
    known = ask()
    assert len(known["no_delay"]) == 1
    assert all(known["no_delay"])
    process.send_signal(signal.SIGINT)
    ends_well(process, said, known["engine"])


def test_it_ends_with_a_termination_signal(served):
    _, process, said, ask = served  # its page was asked for, so the engine runs
    engine = ask()["engine"]
    process.terminate()
    ends_well(process, said, engine)


def test_the_slide_is_an_app_of_its_own(tab, serving, tmp_path):
    command = [sys.executable, "-m", "panel", "serve", str(APPS / "slide.py"), "--port", "{port}"]
    with (
        (tmp_path / "said.txt").open("w+") as said,
        serving(
            *command, path="slide", stdout=said, stderr=subprocess.STDOUT, preexec_fn=ctrl_c_works
        ) as (url, process),
    ):
        page = tab()
        page.goto(url)
        page.get_by_text("Newton is there after one step").wait_for()
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
        said.seek(0)
        assert "Traceback" not in said.read()
