"""The pump: frames made in a thread, the latest choice first, one under way at a time.

Nothing is calculated on the loop that serves the pages. A scene is an iterator of frames; each is
made in a thread, shown on the page's own loop, and the next is begun when the browser has drawn it,
so no queue can grow. A choice made meanwhile takes the place of the frames not yet begun; the one
being made is shown all the same, so that a picture moves while a slider is dragged.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import torch
from bokeh.models import ColumnDataSource, CustomJS

from gnlab.lab.session import Post
from gnlab.lab.slide.frame import Frame
from gnlab.runs.engine.cores import one_thread

_log = logging.getLogger(__name__)


def _alone() -> None:
    """Let torch and the linear algebra use this thread alone, and leave the cores to the pages."""
    torch.set_num_threads(1)
    one_thread()


QUICK = ThreadPoolExecutor(1, thread_name_prefix="gnlab-slide-quick", initializer=_alone)
"""Makes the frames of all pages that take some milliseconds."""
SLOW = ThreadPoolExecutor(1, thread_name_prefix="gnlab-slide-slow", initializer=_alone)
"""Makes those that take longer; the pages' frames come in turn."""

# The figures paint in the next animation frame; a task queued from there runs after them all.
_ACKNOWLEDGE = """
const number = frame.data.number[0]
requestAnimationFrame(() => setTimeout(() => { ack.data = {number: [number]} }, 0))
"""

LOST = 10.0
"""Seconds after which a frame that was not acknowledged holds up no other choice."""


class Pump:
    """Brings the frames of one page from where they are made to where they are drawn.

    Args:
        post: Runs a function where the page's document may be changed, from any thread.
        show: Shows a frame, where the document may be changed.
        drawn: Called with the link of a frame that the browser has drawn.
        failed: Says in one line that a frame could not be made.
    """

    def __init__(
        self,
        post: Post,
        show: Callable[[Frame], None],
        drawn: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._post, self._show, self._drew, self._failed = post, show, drawn, failed
        self.frame = ColumnDataSource(data={"number": [0], "link": [""]}, name="slide-frame")
        self.ack = ColumnDataSource(data={"number": [0]}, name="slide-ack")
        self.frame.js_on_change(
            "data", CustomJS(args={"frame": self.frame, "ack": self.ack}, code=_ACKNOWLEDGE)
        )
        self.ack.on_change("data", self._drawn)
        self._sent = self._acknowledged = 0
        self._sent_at = math.inf  # so that nothing sent is not lost
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: tuple[Iterator[Frame], Executor] | None = None
        self._waiting: tuple[Iterator[Frame], Executor] | None = None
        self._busy = self._closed = False

    def ask(self, frames: Iterator[Frame], where: Executor = QUICK) -> None:
        """Show these frames from now on, in place of what was asked for before.

        Args:
            frames: The frames; each is made when the one before is drawn.
            where: What makes them.
        """
        with contextlib.suppress(RuntimeError):  # without a loop, whoever asks is nobody's page
            self._loop = asyncio.get_running_loop()
        if time.monotonic() - self._sent_at > LOST:
            self._acknowledged = self._sent
        self._waiting = (frames, where)
        self._proceed()

    def close(self) -> None:
        """Make no more frames; safe to call more than once."""
        self._closed, self._work, self._waiting = True, None, None

    def _proceed(self) -> None:
        """Begin the next frame, unless one is under way."""
        if self._closed or self._busy or self._acknowledged < self._sent:
            return
        if self._waiting is not None:
            self._work, self._waiting = self._waiting, None
        if self._work is not None:
            frames, where = self._work
            self._busy = True
            where.submit(next, frames, None).add_done_callback(self._made)

    def _made(self, done: "Future[Frame | None]") -> None:
        """A frame is there, in the thread that made it."""
        if self._closed:
            return
        if self._loop is None:
            self._post(lambda: self._take(done))
        elif not self._loop.is_closed():
            # A document's own list of what is to be done next is no place for two threads.
            self._loop.call_soon_threadsafe(self._post, lambda: self._take(done))

    def _take(self, done: "Future[Frame | None]") -> None:
        """Show a frame, or end if there is none."""
        self._busy = False
        if self._closed:
            return
        error = done.exception()
        if error is not None:
            _log.error("a frame of the slide could not be made", exc_info=error)
            self._work = None
            self._failed(f"This cannot be shown: {error}")
        elif (frame := done.result()) is None:
            self._work = None
        else:
            self._show(frame)
            self._sent, self._sent_at = self._sent + 1, time.monotonic()
            self.frame.data = {"number": [self._sent], "link": [frame.link]}
        self._proceed()

    def _drawn(self, _attribute: str, _old: Any, new: dict[str, Any]) -> None:
        """The browser has drawn a frame."""
        self._acknowledged = int(new["number"][0])
        self._proceed()
        if self._acknowledged == self._sent:
            self._drew(self.frame.data["link"][0])
