"""A headless Chromium, the machine's own."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from gnlab.runs.engine.cores import split

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def beside_the_engine(apart: bool) -> Iterator[None]:
    """A context in which new processes keep off the engine's cores, or do not.

    Args:
        apart: Whether they do; only Linux can be told.

    Yields:
        Nothing.
    """
    if not apart or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, split()[0])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def chromium(*, apart: bool = False) -> Iterator[Browser]:
    """Start the installed Chromium without a window, and end it afterwards.

    Args:
        apart: Whether it keeps off the engine's cores.

    Yields:
        The browser.

    Raises:
        FileNotFoundError: If there is none on the search path.
    """
    found = [path for name in NAMES if (path := shutil.which(name))]
    if not found:
        raise FileNotFoundError(f"no browser found; install one of {', '.join(NAMES)}")
    with beside_the_engine(apart), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found[0],
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()
