"""Engines: what a page or a notebook talks to, the same for a thread and a process.

Asking never waits: a message goes to the loop that makes the steps, which reads it between two of
them, and what there is to see is the newest snapshot that the loop has published.
"""

import abc
import itertools
from typing import Self

from gnlab.errors import InputError, unknown_choice
from gnlab.runs.engine.commands import Branch, Command
from gnlab.runs.engine.messages import CloseRun, Message, Open, Send
from gnlab.runs.engine.snapshot import Snapshot, opening
from gnlab.runs.settings import Settings


class Engine(abc.ABC):
    """Makes many runs step in turn."""

    def __init__(self) -> None:
        self._latest: dict[str, Snapshot] = {}
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)

    def open(self, settings: Settings) -> str:
        """Open a run, paused; it is loaded meanwhile.

        Args:
            settings: Its settings.

        Returns:
            Its id, at once.

        Raises:
            InputError: If they are no settings, or there is no room for its snapshots.
        """
        if not isinstance(settings, Settings):
            raise InputError(f"open takes settings, as Settings('moons'); got {settings!r}.")
        run_id = self._new(settings)
        self._tell(Open(run_id, settings))
        return run_id

    def branch(self, run_id: str) -> str:
        """Open a copy of a run, paused at the same step; the run itself goes on.

        Args:
            run_id: The run's id.

        Returns:
            The copy's id, at once.

        Raises:
            InputError: If there is no such run, or no room for the copy's snapshots.
        """
        self._check(run_id)
        copy = self._new(self._latest[run_id].settings)
        self.send(run_id, Branch(copy))
        return copy

    def send(self, run_id: str, command: Command) -> int:
        """Send a command.

        Args:
            run_id: The run's id.
            command: The command.

        Returns:
            Its number, which ``Snapshot.applied`` reaches when it was taken.

        Raises:
            InputError: If there is no such run.
        """
        self._check(run_id)
        number = next(self._numbers)
        self._tell(Send(run_id, number, command))
        return number

    def snapshot(self, run_id: str, newer_than: int = -1) -> Snapshot | None:
        """The newest snapshot of a run.

        Args:
            run_id: The run's id.
            newer_than: The version last seen.

        Returns:
            The snapshot, or None if there is none newer.

        Raises:
            InputError: If there is no such run.
        """
        self._check(run_id)
        latest = self._newest(run_id)
        return latest if latest.version > newer_than else None

    def close_run(self, run_id: str) -> None:
        """Close a run.

        Args:
            run_id: The run's id.

        Raises:
            InputError: If there is no such run.
        """
        self._check(run_id)
        self._tell(CloseRun(run_id))
        self._drop(run_id)

    @property
    @abc.abstractmethod
    def alive(self) -> bool:
        """Whether it makes steps; once it does not, it never does again."""

    @abc.abstractmethod
    def again(self) -> Self:
        """Another engine of the same kind, without runs, to take the place of one that has ended.

        Returns:
            The new engine.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Close the engine after the step being made, and all its runs."""

    @abc.abstractmethod
    def _tell(self, message: Message) -> None:
        """Pass a message to the loop, without waiting for it."""

    @abc.abstractmethod
    def _newest(self, run_id: str) -> Snapshot:
        """The newest snapshot of a run that there is, or that its engine has ended."""

    def _new(self, settings: Settings) -> str:
        """The id of a new run, of which there is something to see at once."""
        run_id = self._new_id()
        self._latest[run_id] = opening(settings)
        return run_id

    def _new_id(self) -> str:
        """An id that no run has had."""
        return f"run-{next(self._ids)}"

    def _drop(self, run_id: str) -> None:
        """Let go of what there is to see of a run."""
        self._latest.pop(run_id, None)

    def _check(self, run_id: str) -> None:
        """Raise unless there is such a run."""
        if run_id not in self._latest:
            if not self._latest:
                raise InputError(f"unknown run {run_id!r}: there is none, it has been closed.")
            raise unknown_choice("run", run_id, self._latest)
