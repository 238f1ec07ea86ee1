"""One page's session: it pulls snapshots from the engine and sends frames the page has room for.

The loop asks the engine for a newer snapshot, the latest wins, and sends it only when the browser
has acknowledged the frame before as drawn: at most one frame is ever under way, so no queue can
grow, on however slow a line. The run is closed with the session, whatever happened before.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bokeh.models import ColumnDataSource

from gnlab import runs
from gnlab.errors import InputError
from gnlab.lab.figures.strip import Meter
from gnlab.lab.frames import Painter, View
from gnlab.lab.gauge import Gauge
from gnlab.lab.wire import Frame, pack

_log = logging.getLogger(__name__)

ASKED, POLL, QUIET = 0.003, 0.008, 0.05
"""Seconds between two looks at the engine: for an answer, at a run that plays, at one that does
nothing."""
AT_ONCE = 96
"""Groups up to which a frame is made at once: of more, H̄'s eigenvalues alone take so long that
everybody else's page would wait, and another thread makes it."""
HELD = 0.25
"""Seconds in which frames that answer nothing wait for the answer to what a person just did."""
COURSE = 0.2
"""Seconds between two updates of the figures over time while a run plays; twice as many after a
person did something, so that the answer need not wait for them."""

_NOTHING = 0
"""What a browser acknowledges that has just drawn the page's empty figures."""
LOST, LOST_AT_FIRST = 10.0, 1.0
"""Seconds after which a frame counts as lost with its connection; less before the first answer,
when a notebook may not have drawn the page yet."""

Post = Callable[[Callable[[], None]], Any]


class Session:
    """The run of one page and the frames that show it.

    Args:
        engine: Where the run lives.
        frame: The source that carries a frame to the browser.
        ack: The source that carries the acknowledgement back.
        post: Runs a function where the page's document may be changed.
        view: Says how the run is to be shown now.
        heard: Called with each snapshot before its frame is sent, where the document may change.
        due: Called with each frame, when it was due and the time; says when the next is.
        ended: Called with the fault that ends the following, where the document may change.
    """

    def __init__(
        self,
        engine: runs.Engine,
        frame: ColumnDataSource,
        ack: ColumnDataSource,
        *,
        post: Post,
        view: Callable[[], View],
        heard: Callable[[runs.Snapshot], None],
        due: Callable[[float, float], float],
        ended: Callable[[BaseException], None] = lambda _error: None,
    ) -> None:
        self.engine, self.frame, self.ack = engine, frame, ack
        self.run_id: Any = None
        self.snapshot: runs.Snapshot | None = None
        self.painter = Painter()
        self.closed = False
        self._post, self._view, self._heard, self._next = post, view, heard, due
        self._ended = ended
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: int | None = None
        self._number = 0
        self._seen = -1
        self._wanted = 0
        self._stale = self._whole = self._making = False
        self._sent_at = self._course_at = self._due = self._asked_at = -math.inf
        self._gauge = Gauge()
        ack.on_change("data", self._acknowledged)

    @property
    def meter(self) -> Meter:
        """What the session measures about itself."""
        return self._gauge.meter

    def open(self, settings: runs.Settings) -> None:
        """Open the run.

        Args:
            settings: Its settings.
        """
        run_id = self.engine.open(settings)
        if self.closed:
            # The page was left while its problem was still being built.
            self.engine.close_run(run_id)
            return
        self.run_id = run_id

    def show(self, run_id: Any) -> None:
        """Show a run that the engine already has, in place of the present one, which is closed.

        Args:
            run_id: The engine's id of the run.
        """
        if self.run_id is not None:
            self.engine.close_run(self.run_id)
        self.run_id, self._seen = run_id, -1

    def start(self) -> None:
        """Begin to pull, on the running event loop; again does no harm."""
        if self._loop is not None or self.closed:
            return
        self._loop = asyncio.get_running_loop()
        self._pull()

    def send(self, command: runs.Command) -> None:
        """Send a command to the run; it takes effect between two steps.

        Args:
            command: The command.
        """
        if self.run_id is not None and not self.closed:
            if self.snapshot is None or self.settled(self.snapshot):
                self._asked_at = time.monotonic()
            self._wanted = self.engine.send(self.run_id, command)
            self._nudge()

    def redraw(self, *, everything: bool = False) -> None:
        """Send the present snapshot again, because the view changed.

        Args:
            everything: Also what has not changed.
        """
        self._whole |= everything
        self._stale = True
        self._nudge()

    def settled(self, snapshot: runs.Snapshot) -> bool:
        """Whether a snapshot already has every command that was sent."""
        return snapshot.applied >= self._wanted

    def close(self) -> None:
        """End the session and its run; safe to call at any moment and more than once."""
        if self.closed:
            return
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self.run_id is not None:
            self.engine.close_run(self.run_id)

    def _pull(self) -> None:
        """Look at the engine, and have it looked at again.

        Timers, and no task that sleeps: each turn that a task takes through a busy loop is another
        wait behind what the loop does for the other pages.
        """
        if self.closed or self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        try:
            if self._under_way is not None:
                self._give_up()
            else:
                self._look()
        # Of all kinds: a figure may raise anything, the same would come at every look, and left to
        # the server's loop it would only be logged while the page stands still without a word.
        except Exception as error:  # noqa: BLE001  (see above; it is logged)
            self._fail(error)
            return
        self._timer = self._loop.call_later(self._rest(), self._pull)

    def _fail(self, error: BaseException) -> None:
        """Give up after a fault that would come again at every look."""
        self._loop = None  # nothing looks any more; commands still reach the run, and it is closed
        if isinstance(error, InputError):
            self.run_id = None  # the engine knows it no more
        _log.error("a page stopped following its run", exc_info=error)
        if not self.closed:
            self._post(lambda: self._ended(error))

    def _nudge(self) -> None:
        """Look soon; what was done may have been done on another thread."""
        if (loop := self._loop) is not None and not loop.is_closed():  # once: it may be given up
            loop.call_soon_threadsafe(self._pull)

    def _rest(self) -> float:
        """The seconds in which there is nothing to look for, if nothing happens."""
        if self._under_way is not None:
            return LOST_AT_FIRST / 5
        if self.snapshot is None or self._stale:
            return POLL
        if not self.settled(self.snapshot):
            return ASKED
        due = self._due - time.monotonic()
        return max(POLL if self.snapshot.state == "playing" else QUIET, due)

    def _give_up(self) -> None:
        """Count a frame that was not acknowledged for long as lost, and send everything again."""
        patience = LOST if self._gauge.any_drawn else LOST_AT_FIRST
        if time.monotonic() - self._sent_at > patience:
            self._under_way = None
            self.redraw(everything=True)

    def _look(self) -> None:
        """Take the newest snapshot, if it is time for a frame, and have it sent."""
        if self.run_id is None or self._under_way is not None or self._making or self.closed:
            return
        now = time.monotonic()
        asked = self.snapshot is None or not self.settled(self.snapshot)
        if now < self._due and not asked and not self._stale:
            return
        newer = self.engine.snapshot(self.run_id, newer_than=self._seen)
        if newer is not None:
            # What a person just did is shown at once; the cap is for what happens by itself. A
            # frame that is no answer yet would only be in the answer's way.
            answer = self.snapshot is None or newer.applied > self.snapshot.applied
            early = now < self._due or (asked and now - self._asked_at < HELD)
            if early and not answer and not self._stale:
                return
            self.snapshot, self._seen = newer, newer.version
        elif self.snapshot is None or not self._stale:
            return
        self._stale = False
        self._send(self.snapshot, now)

    def _send(self, snapshot: runs.Snapshot, now: float) -> None:
        """Make the frame and have it set; from here on it is under way."""
        playing = snapshot.state == "playing"
        rest = 2 * COURSE if now - self._asked_at < HELD else COURSE
        courses = not playing or now - self._course_at >= rest
        if courses:
            self._course_at = now
        self._number += 1
        self._under_way, self._sent_at = self._number, math.inf  # it is not sent before it is made
        self._due = self._next(self._due, now)
        if self._whole:
            self._whole = False
            self.painter.forget()
        paint = partial(self.painter.frame, snapshot, self._view(), self.meter, courses=courses)
        groups = 0 if snapshot.summary is None else len(snapshot.summary.group)
        if groups <= AT_ONCE or self._loop is None:
            self._put(self._number, snapshot, paint())
            return
        self._making = True
        made = self._loop.run_in_executor(None, paint)
        made.add_done_callback(partial(self._painted, self._number, snapshot))

    def _painted(self, number: int, snapshot: runs.Snapshot, made: "asyncio.Future[Frame]") -> None:
        """A frame was made on another thread: have it set, unless the page is another by now."""
        self._making = False
        if (error := made.exception()) is not None:
            self._fail(error)
        elif number == self._under_way and not self.closed:
            self._put(number, snapshot, made.result())
        else:  # the painter takes what was in it as sent
            self.redraw(everything=True)

    def _put(self, number: int, snapshot: runs.Snapshot, frame: Frame) -> None:
        """Have a frame set."""
        published = 1000 * (time.time() - time.monotonic() + snapshot.time)
        self._sent_at = time.monotonic()
        self._gauge.sent(snapshot.time)
        head = {
            "version": number,
            "step": snapshot.step,
            "applied": snapshot.applied,
            "published_at": published,
            "state": snapshot.state,
        }
        columns = {name: [value] for name, value in head.items()} | pack(frame)

        def put() -> None:
            self._heard(snapshot)
            self.frame.data = columns

        self._post(put)

    def _acknowledged(self, _attribute: str, _old: Any, new: Any) -> None:
        """The browser has drawn a frame, or the empty page: there is room for the next."""
        if list(new.get("version", ())) == [_NOTHING]:
            self._under_way = None
            self.redraw(everything=True)
        if list(new.get("version", ())) != [self._under_way]:
            return
        self._under_way = None
        self._gauge.drawn(time.monotonic())
        self._nudge()
