"""How late an event loop is: what a message that had come at some moment would have waited."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

EVERY = 0.01
"""Seconds between two looks at the clock."""


@dataclass(slots=True)
class Probe:
    """Asks an event loop for a call at every hundredth of a second and notes how late it comes.

    A loop that stands still for a while misses many such moments; each counts with the time that
    it had to wait, so a long standstill weighs what it weighs for those who wait.

    Attributes:
        loop: The event loop.
        at: When each call was due, in seconds since the epoch.
        milliseconds: How late each call came.
    """

    loop: asyncio.AbstractEventLoop
    at: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    _due: float = 0.0

    def start(self) -> None:
        """Begin; call it on the loop's thread, or before the loop runs."""
        self._due = self.loop.time() + EVERY
        self.loop.call_at(self._due, self._look)

    def _look(self) -> None:
        now, wall = self.loop.time(), time.time()
        while self._due <= now:
            self.at.append(wall - (now - self._due))
            self.milliseconds.append(1000 * (now - self._due))
            self._due += EVERY
        self.loop.call_at(self._due, self._look)


def between(
    at: Sequence[float], milliseconds: Sequence[float], start: float, end: float
) -> list[float]:
    """The latenesses in a stretch of time.

    Args:
        at: When each call was due.
        milliseconds: How late each came.
        start: Where the stretch begins, in seconds since the epoch.
        end: Where it ends.

    Returns:
        How late each call came that was due in the stretch.
    """
    return [late for when, late in zip(at, milliseconds, strict=True) if start <= when < end]
