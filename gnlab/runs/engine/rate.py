"""The rate at which a run makes steps."""

import time

_WINDOW = 0.5  # seconds


class Rate:
    """Steps per second over the last half to whole second."""

    def __init__(self) -> None:
        self.restart(0)

    def restart(self, step: int) -> None:
        """Begin to count anew.

        Args:
            step: The present step.
        """
        self._from = self._middle = (time.monotonic(), step)
        self._latest = step

    def count(self, step: int, now: float) -> None:
        """Take a step's number and time.

        Args:
            step: The number.
            now: The time, in seconds of ``time.monotonic``.
        """
        self._latest = step
        if now - self._middle[0] > _WINDOW:
            self._from, self._middle = self._middle, (now, step)

    def value(self, now: float) -> float:
        """The rate.

        Args:
            now: The time.

        Returns:
            Steps per second, 0 as long as nothing can be said.
        """
        seconds = now - self._from[0]
        return max(0.0, (self._latest - self._from[1]) / seconds) if seconds > 0 else 0.0
