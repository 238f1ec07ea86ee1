"""The gauge of one page's session: how many frames it draws, and how old they are when drawn."""

import statistics
from collections import deque

from gnlab.lab.figures.strip import Meter

_KEPT = 20  # frames


class Gauge:
    """Keeps the times of the newest frames, in seconds of ``time.monotonic``."""

    def __init__(self) -> None:
        self._published = 0.0
        self._drawn: deque[float] = deque(maxlen=_KEPT)
        self._latencies: deque[float] = deque(maxlen=_KEPT)

    @property
    def any_drawn(self) -> bool:
        """Whether a frame was ever drawn."""
        return bool(self._drawn)

    @property
    def meter(self) -> Meter:
        """Frames per second, and the median milliseconds from the engine to the screen."""
        if len(self._drawn) < 2:
            return Meter()
        span = self._drawn[-1] - self._drawn[0]
        return Meter((len(self._drawn) - 1) / span, 1000 * statistics.median(self._latencies))

    def sent(self, published: float) -> None:
        """A frame is sent.

        Args:
            published: When the engine published what it shows.
        """
        self._published = published

    def drawn(self, now: float) -> None:
        """The frame that was sent last is drawn.

        Args:
            now: The time.
        """
        self._drawn.append(now)
        self._latencies.append(now - self._published)
