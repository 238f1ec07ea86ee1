"""The inbox of a run: commands that were sent and not read yet, latest wins.

It is filled from any thread and emptied by the engine between two steps. No lock is held but for
the moment of putting in or taking out.
"""

import itertools
import math
import threading

from gnlab.runs.engine.commands import (
    Change,
    Command,
    Look,
    Pace,
    Pause,
    Play,
    Reset,
    Rewind,
    Step,
)
from gnlab.runs.settings import BRINGING

LIMIT = 128
_TRANSPORT = (Play, Pause)
_REPLACING = (Rewind, Reset, Pace, Look)
_STEPS_MAX = 1_000_000


class Inbox:
    """Commands waiting to be read, in order, neighbours of one kind merged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, Command]] = []
        self._taken = 0

    @property
    def waiting(self) -> bool:
        """Whether there is a command to take."""
        return bool(self._waiting)

    def put(self, number: int, command: Command) -> None:
        """Put a command in.

        Args:
            number: Its sequence number.
            command: The command.
        """
        with self._lock:
            if self._waiting:
                merged = _merge(self._waiting[-1][1], command)
                if merged is not None:
                    self._waiting[-1] = number, merged
                    return
            self._waiting.append((number, command))
            if len(self._waiting) > LIMIT:
                # Nobody reads for long and many kinds alternate: the older of a kind goes.
                kinds = [type(waiting) for _, waiting in self._waiting]
                del self._waiting[kinds.index(kinds[-1]) if kinds.count(kinds[-1]) > 1 else 0]

    def take(self, until: float = math.inf) -> tuple[list[Command], int]:
        """Take everything out.

        Args:
            until: The number of the last command to take.

        Returns:
            The commands in order, and the number of the last one ever taken.
        """
        if not self._waiting:  # without the lock: looked at between any two steps
            return [], self._taken
        with self._lock:
            taken = list(itertools.takewhile(lambda one: one[0] <= until, self._waiting))
            self._waiting = self._waiting[len(taken) :]
        self._taken = max([self._taken, *(number for number, _ in taken)])
        return [command for _, command in taken], self._taken


def _merge(last: Command, new: Command) -> Command | None:
    """One command for two that follow each other, or None if it takes both."""
    if isinstance(last, Change) and isinstance(new, Change):
        if new.values.keys() & BRINGING and not last.values.keys() <= new.values.keys():
            return None  # what was changed before a new preset is not changed after it
        return Change({**last.values, **new.values})
    if isinstance(last, Step) and isinstance(new, Step):
        return Step(min(last.count + new.count, _STEPS_MAX))
    if isinstance(last, _TRANSPORT) and isinstance(new, _TRANSPORT):
        return new
    if isinstance(new, _REPLACING) and type(last) is type(new):
        return new
    return None
