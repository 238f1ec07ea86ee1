"""Echoes: in a notebook the browser sends back each value that the page has set, once.

It comes as late as the kernel is busy, when the page may have gone on, and nothing in it tells it
from a person's choice. What was set is remembered until its echo has come.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

_LATEST = 30.0
"""Seconds after which no echo is to be expected: the browser had that value already."""


class Echoes:
    """What one widget was set to, and what of it came back.

    Args:
        clock: The time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._set: deque[tuple[float, Any]] = deque(maxlen=256)
        self._last: tuple[Any, Any] | None = None

    def set(self, value: Any) -> None:
        """The page has given the widget a value.

        Args:
            value: The value.
        """
        self._set.append((self._clock(), value))
        self._last = None

    def chosen(self, old: Any, new: Any, *, echoes: bool) -> bool:
        """Whether a change is a person's.

        Args:
            old: The widget's value before.
            new: Its value now.
            echoes: Whether the browser sends back what is set.

        Returns:
            Whether it is one, and told for the first time: a notebook tells each change twice.
        """
        again, self._last = self._last == (old, new), (old, new)
        if again or (echoes and self._came_back(new)):
            return False
        return bool(old != new)

    def _came_back(self, value: Any) -> bool:
        """Whether a value was set and has not come back yet; those set before it will not."""
        earliest = self._clock() - _LATEST
        while self._set and self._set[0][0] < earliest:
            self._set.popleft()
        if value not in [known for _, known in self._set]:
            return False
        while self._set.popleft()[1] != value:
            pass
        return True
