"""Cadence: when each page's next frame is due, so that the event loop has time for people.

One loop serves all pages of a server. Pages that get frames as fast as they can be made leave it no
time, and who moves a slider waits behind everybody's frames. So the frames that nobody asked for
take a part of the loop's time, and come one after the other; the answer to what a person does is
sent whenever it is there, and finds at most one of them in front of it.
"""

import math
import statistics
import time
from collections import deque
from collections.abc import Callable

ALONE, TOGETHER = 18.0, 10.0
"""The most frames per second of a page that is alone, and of one among several."""
SHARE = 0.5
"""The part of the loop's time that the frames of several pages may take."""
_STRETCH, _STRETCHES = 10, 9
"""Frames over which their cost is taken, and of how many such stretches the median counts: in one
of them a page was built."""
_DEAREST = 0.05
"""The most seconds that a frame is thought to cost: a notebook's loop has other work too."""


class Cadence:
    """Measures what a frame costs, and gives each page's next one a place in the loop's time.

    Args:
        alone: The most frames per second of a page that is alone.
        clock: The processor time of the loop's thread, in seconds.
    """

    def __init__(self, alone: float = ALONE, clock: Callable[[], float] = time.thread_time) -> None:
        self._alone, self._clock = alone, clock
        self._costs: deque[float] = deque(maxlen=_STRETCHES)
        self._frames, self._since = 0, clock()
        self._last = -math.inf  # when the frame is due that was placed last

    def most(self, pages: int) -> float:
        """The most frames per second of a page.

        Args:
            pages: How many are open.

        Returns:
            Frames per second.
        """
        return self._alone if pages <= 1 else min(self._alone, TOGETHER)

    def due(self, before: float, now: float, pages: int) -> float:
        """When a page's next frame is due, now that it sends one.

        Args:
            before: When the one that it sends was due.
            now: The time, in seconds of ``time.monotonic``.
            pages: How many are open.

        Returns:
            The time.
        """
        self._measure()
        # From when it was due, not from now: looking every so often must not lower the rate.
        due = max(now, before + 1 / self.most(pages))
        if pages > 1:
            due = max(due, self._last + self._cost / SHARE)
        self._last = due
        return due

    @property
    def _cost(self) -> float:
        """What a frame takes of the loop's time, in seconds, from making it to its answer."""
        return statistics.median(self._costs) if self._costs else 0.0

    def _measure(self) -> None:
        """Take the time since some frames ago."""
        self._frames += 1
        if self._frames == _STRETCH:
            now = self._clock()
            self._costs.append(min(_DEAREST, (now - self._since) / self._frames))
            self._frames, self._since = 0, now
