"""The engine as a thread of this process: for a notebook, whose kernel stays free meanwhile."""

import itertools
import threading
import weakref
from pathlib import Path

from gnlab.errors import unknown_choice
from gnlab.runs.commands import Branch, Command
from gnlab.runs.engine import Loop
from gnlab.runs.run import Run
from gnlab.runs.settings import Settings
from gnlab.runs.snapshot import Snapshot, ended, opening


class ThreadEngine:
    """Makes runs step on a thread; see ``Engine`` for what each method promises.

    Args:
        record_dir: The folder in which each run records itself; None not to record.
    """

    def __init__(self, *, record_dir: str | Path | None = None) -> None:
        self._latest: dict[str, Snapshot] = {}
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)
        self._loop = Loop(self, None if record_dir is None else Path(record_dir))
        self._thread = threading.Thread(target=self._loop.run, name="gnlab-engine", daemon=True)
        self._thread.start()
        # A thread that is inside torch when the interpreter ends would abort the program.
        self._end = weakref.finalize(self, _end, self._loop, self._thread)

    def open(self, settings: Settings) -> str:
        """Open a run, paused.

        Args:
            settings: Its settings.

        Returns:
            Its id.
        """
        run_id = self._new(settings)
        self._loop.open(run_id, settings)
        return run_id

    def adopt(self, run: Run) -> str:
        """Take over a run that exists, paused.

        Args:
            run: The run; nothing else may make it step as long as the engine has it.

        Returns:
            Its id.
        """
        run_id = self._new(run.settings)
        self._loop.adopt(run_id, run)
        return run_id

    def run(self, run_id: str) -> Run | None:
        """The run itself, to look at; None while it is loading.

        Args:
            run_id: Its id.

        Returns:
            The run.
        """
        self._check(run_id)
        return self._loop.run_of(run_id)

    def branch(self, run_id: str) -> str:
        """Open a copy of a run, paused at the same step.

        Args:
            run_id: The run's id.

        Returns:
            The copy's id.
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
        """
        self._check(run_id)
        number = next(self._numbers)
        self._loop.send(run_id, number, command)
        return number

    def snapshot(self, run_id: str, newer_than: int = -1) -> Snapshot | None:
        """The newest snapshot of a run.

        Args:
            run_id: The run's id.
            newer_than: The version last seen.

        Returns:
            The snapshot, or None if there is none newer.
        """
        self._check(run_id)
        latest = self._latest[run_id]
        if latest.state != "stopped" and not self._thread.is_alive():
            latest = self._latest[run_id] = ended(latest, "its thread has stopped")
        return latest if latest.version > newer_than else None

    def close_run(self, run_id: str) -> None:
        """Close a run.

        Args:
            run_id: The run's id.
        """
        self._check(run_id)
        self._loop.close_run(run_id)
        self.forget(run_id)

    def close(self) -> None:
        """Close the engine after the step being made, and all its runs."""
        self._end()

    def publish(self, run_id: str, snapshot: Snapshot) -> None:
        """Take a run's newest snapshot from the loop.

        Args:
            run_id: The run's id.
            snapshot: The snapshot.
        """
        if run_id in self._latest:
            self._latest[run_id] = snapshot

    def forget(self, run_id: str) -> None:
        """Take notice that a run is closed.

        Args:
            run_id: The run's id.
        """
        self._latest.pop(run_id, None)

    def _new(self, settings: Settings) -> str:
        run_id = f"run-{next(self._ids)}"
        self._latest[run_id] = opening(settings)
        return run_id

    def _check(self, run_id: str) -> None:
        if run_id not in self._latest:
            raise unknown_choice("run", run_id, self._latest)


def _end(loop: Loop, thread: threading.Thread) -> None:
    """Close the loop and wait for the step being made."""
    loop.close()
    thread.join()
