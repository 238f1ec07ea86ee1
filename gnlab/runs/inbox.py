"""The inbox of a run: commands that were sent and not read yet, latest wins.

It is filled from any thread and emptied by the engine between two steps. No lock is held but for
the moment of putting in or taking out.
"""

import threading

from gnlab.runs.commands import Change, Command, Pace, Pause, Play, Reset, Rewind, Step

LIMIT = 128
_TRANSPORT = (Play, Pause)
_REPLACING = (Rewind, Reset, Pace)
_STEPS_MAX = 1_000_000


class Inbox:
    """Commands waiting to be read, in order, neighbours of one kind merged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Command] = []
        self._last = 0

    def put(self, number: int, command: Command) -> None:
        """Put a command in.

        Args:
            number: Its sequence number.
            command: The command.
        """
        with self._lock:
            self._last = max(self._last, number)
            last = self._waiting[-1] if self._waiting else None
            merged = None if last is None else _merge(last, command)
            if merged is not None:
                self._waiting[-1] = merged
                return
            self._waiting.append(command)
            if len(self._waiting) > LIMIT:
                # Nobody reads for long and many kinds alternate: the older of a kind goes.
                kinds = [type(waiting) for waiting in self._waiting]
                del self._waiting[kinds.index(kinds[-1]) if kinds.count(kinds[-1]) > 1 else 0]

    def take(self) -> tuple[list[Command], int]:
        """Take everything out.

        Returns:
            The commands in order, and the number of the last one ever put in.
        """
        if not self._waiting:  # without the lock: looked at between any two steps
            return [], self._last
        with self._lock:
            taken, self._waiting = self._waiting, []
            return taken, self._last


def _merge(last: Command, new: Command) -> Command | None:
    """One command for two that follow each other, or None if it takes both."""
    if isinstance(last, Change) and isinstance(new, Change):
        return Change({**last.values, **new.values})
    if isinstance(last, Step) and isinstance(new, Step):
        return Step(min(last.count + new.count, _STEPS_MAX))
    if isinstance(last, _TRANSPORT) and isinstance(new, _TRANSPORT):
        return new
    if isinstance(new, _REPLACING) and type(last) is type(new):
        return new
    return None
