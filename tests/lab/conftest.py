"""Hand-made records and snapshots, whose every number is known; a browser, and programs to open."""

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from gnlab.lab.host import Host
from gnlab.runs import History, Level, Record, Settings, Snapshot, ThreadEngine

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ARTIFACTS = Path(__file__).parents[2] / "artifacts"
PATIENCE = 120.0  # seconds; a machine may be busy, nothing here is a measurement
# What a test asks of a page, it asks a model; controls and figures are documents of their own.
MODEL_NAMED = """window.model_named = (name) => {
  return window.Bokeh?.documents.map((one) => one.get_model_by_name(name)).find((found) => found)
}"""

ROLES = ("weights", "biases", "weights", "biases")
GROUPS = ("a.weight", "a.bias", "b.weight", "b.bias")
CURVATURE = np.array(
    [
        [4.0, 1.0, -0.5, 0.0],
        [1.0, 0.01, 0.0, 0.002],
        [-0.5, 0.0, 9.0, 0.3],
        [0.0, 0.002, 0.3, -0.04],
    ]
)
BENT = np.diag([0.0, -1.0, 0.0, -0.1])
CROSSED = np.array([[0, 0, -0.7, 0], [0, 0, 0, 0], [-0.7, 0, 0, 0.1], [0, 0, 0.1, 0]])
PARTS = np.stack([CURVATURE - BENT - CROSSED, BENT, CROSSED])


def make_record(**changes) -> Record:
    made = Record(
        step=3, epoch=0.5, loss=1.25, val_loss=1.5, accuracy=0.75, partition="tensor",
        group=GROUPS, role=ROLES, g=np.ones(4), H=CURVATURE,
        H_diagonal=np.diag(CURVATURE), third=np.array([8.0, 1.0, 0.0, -27.0]),
        d=np.array([2.0, 1.0, 0.0, 3.0]), step_size=np.array([0.5, 0.0, 2.0, 0.03]),
        step_size_solved=np.array([0.6, -4.0, 2.0, 0.03]), radius=1.5, radius_min=0.2,
        eigenvalue_min=-0.4, regulariser=np.array([3.0, 0.75, 0.0, 6.75]), damping=1.0, lr=0.1,
        decrease_predicted=0.02, decrease_measured=0.015, status="solved", seconds=0.01,
        direction="momentum", H_parts=PARTS,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def make_history(rows: int = 5, groups: tuple[str, ...] = GROUPS) -> History:
    steps = np.arange(1.0, rows + 1)
    nan = np.full(rows, np.nan)
    measured = np.where(steps % 2 == 1, 1.0 / steps, np.nan)
    return History(
        step=steps, epoch=steps / 10, loss=2 / steps, val_loss=measured, accuracy=1 - measured,
        damping=np.ones(rows), lr=np.full(rows, 0.1), radius=measured, radius_min=0 * steps,
        eigenvalue_min=-measured, decrease_predicted=measured, decrease_measured=-measured,
        taken=np.ones(rows), seconds=nan,
        step_size=np.outer(steps, np.arange(len(groups))), step_size_step=steps,
        share=np.outer(np.ones(rows), [0.7, -0.2, 0.1]), share_step=steps,
        groups=groups, since_step=1, stride=1,
    )  # fmt: skip


LEVELS = (
    Level("all", 1, "S = 1, all parameters in one group"),
    Level("role", 2, "S = 2, weights, biases"),
    Level("tensor", 4, "S = 4, one group per tensor"),
)


def make_snapshot(**changes) -> Snapshot:
    latest = make_record()
    made = Snapshot(
        version=7, settings=Settings(), state="paused", message="", severity="info", step=3,
        epoch=0.5, steps_per_second=0.0, kept_steps=(0, 1, 2, 3), record=latest, summary=latest,
        history=make_history(), levels=LEVELS, applied=2, phase="", device="cpu", time=100.0,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


@pytest.fixture
def record():
    return make_record


@pytest.fixture
def history():
    return make_history


@pytest.fixture
def snapshot():
    return make_snapshot


@pytest.fixture
def H():
    return CURVATURE


@pytest.fixture
def groups():
    return GROUPS


@pytest.fixture
def roles():
    return ROLES


@pytest.fixture(scope="module")
def chromium():
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        if os.environ.get("GNLAB_REQUIRE_BROWSER") == "1":
            pytest.fail(f"GNLAB_REQUIRE_BROWSER=1, and there is none of {', '.join(BROWSERS)}")
        # A person's machine need not have one; where one must be, the variable makes it a failure.
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason='a browser is driven by playwright: pip install "gnlab[test]"'
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found[0], args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium):
    """Open tabs of the browser; one that complained, or asked another site, fails the test."""
    opened, errors = [], []

    def said(message):
        place = message.location["url"]
        # A page asks a server that is silent for this, and notes that it has ended.
        asked = (
            place.endswith("static/js/bokeh.min.js") and "ERR_CONNECTION_REFUSED" in message.text
        )
        if message.type == "error" and "//localhost:" in place and not asked:
            errors.append(f"{message.text} ({place})")

    def asked(request):
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname != "localhost":
            errors.append(f"asked for {request.url}")

    def tab(width=1280, height=800):
        page = chromium.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(1000 * PATIENCE)
        page.add_init_script(MODEL_NAMED)
        page.on("console", said)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", asked)
        page.on("websocket", asked)
        opened.append(page)
        return page

    yield tab
    for page in opened:
        page.close()
    assert errors == []


@pytest.fixture(scope="session")
def drag():
    """Take the coarseness slider's handle and move it, in many small moves, to a share of its rail
    or to the level whose label contains a text."""

    def drag(page, to):
        share = place(page, to) if isinstance(to, str) else to
        handle = page.locator(".gn-hero .noUi-handle")
        start, y = take(page, handle)
        rail = page.locator(".gn-hero .noUi-base").bounding_box()
        end = rail["x"] + share * rail["width"]
        for i in range(1, 13):
            page.mouse.move(start + (end - start) * i / 12, y)
        page.mouse.up()

    def take(page, handle):
        """Press on the handle; again where the layout has moved it meanwhile."""
        for _ in range(5):
            handle.scroll_into_view_if_needed()
            box = handle.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            page.mouse.move(x, y)
            page.mouse.down()
            if "noUi-active" in handle.get_attribute("class"):
                return x, y
            page.mouse.up()
        raise AssertionError("the handle cannot be taken")

    def place(page, label):
        rungs = page.locator(".rung")
        names = [rungs.nth(i).get_attribute("title") for i in range(rungs.count())]
        return next(i for i, name in enumerate(names) if label in name) / (len(names) - 1)

    return drag


@pytest.fixture(scope="session")
def serving():
    """Run a program that serves pages for as long as a block lasts."""
    return _serving


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """The folder in which the lab's runs record themselves."""
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="session")
def address(serving, records):
    """The address of a lab that is served, to all tests: it takes seconds to start."""
    arguments = f"port={{port}}, show=False, record_dir={str(records)!r}"
    code = f"from gnlab.lab.served import serve; serve({arguments})"
    with serving(sys.executable, "-c", code) as (url, _):
        yield url


@pytest.fixture(scope="session")
def keep():
    """Keep a page's picture, for a person to look at."""

    def keep(page, name):
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"{name}.png")

    return keep


@contextmanager
def _serving(*command, path="", **options):
    """A program whose command has "{port}" for a free port; yields its page's address and it."""
    with socket.create_server(("localhost", 0)) as probe:
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([part.format(port=port) for part in command], **quiet | options)
    try:
        url = f"http://localhost:{port}/{path}"
        _wait_until_it_answers(url, process)
        yield url, process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_until_it_answers(url, process):
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None
        assert time.monotonic() < end
        try:
            urllib.request.urlopen(url, timeout=30).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return


@pytest.fixture
def host():
    """An engine in a thread, and what its pages share."""
    engine = ThreadEngine()
    yield Host(engine)
    engine.close()


@pytest.fixture
def until():
    """Wait for something to become true."""

    def until(condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.01)

    return until
