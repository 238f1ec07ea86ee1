"""Turns: when a run steps, and how many steps it still has to make."""

import math
import time

from gnlab.runs.engine.commands import Command, Pace, Pause, Play, Step


class Turns:
    """The steps that a person wants, and how fast.

    Attributes:
        wanted: Steps still to be made; infinity while playing.
    """

    def __init__(self) -> None:
        self.wanted = 0.0
        self._pace: float | None = None
        self._next = -math.inf

    @property
    def playing(self) -> bool:
        """Whether steps are still to be made."""
        return self.wanted > 0

    def due(self, now: float) -> bool:
        """Whether a step is to be made.

        Args:
            now: The time, in seconds of ``time.monotonic``.

        Returns:
            Whether it is.
        """
        return self.playing and now >= self._next

    def wait(self, now: float) -> float:
        """How long none is to be made, unless a command comes.

        Args:
            now: The time.

        Returns:
            Seconds, infinity while paused.
        """
        return max(0.0, self._next - now) if self.playing else math.inf

    def made(self, begun: float) -> None:
        """A step was made.

        Args:
            begun: When it began.
        """
        self.wanted = max(0.0, self.wanted - 1)
        if self._pace is not None:
            self._next = max(time.monotonic(), begun + 1 / self._pace)

    def halt(self) -> None:
        """Make no more."""
        self.wanted = 0

    def take(self, command: Command) -> bool:
        """Take a command, if it is about turns.

        Args:
            command: The command.

        Returns:
            Whether it is.
        """
        if isinstance(command, Play):
            self.wanted, self._next = math.inf, -math.inf
        elif isinstance(command, Pause):
            self.wanted = 0
        elif isinstance(command, Step):
            begun = 0.0 if self.wanted == math.inf else self.wanted
            self.wanted, self._next = begun + command.count, -math.inf
        elif isinstance(command, Pace):
            self._pace, self._next = command.steps_per_second, -math.inf
        else:
            return False
        return True
