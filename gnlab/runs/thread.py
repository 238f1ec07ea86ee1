"""The engine as a thread of this process: for a notebook, whose kernel stays free meanwhile."""

import threading
import weakref
from pathlib import Path
from typing import Self

from gnlab.errors import as_path
from gnlab.runs.engine import Engine
from gnlab.runs.loop import Loop
from gnlab.runs.messages import Message
from gnlab.runs.run import Run
from gnlab.runs.snapshot import Snapshot, ended


class ThreadEngine(Engine):
    """Makes runs step on a thread; see ``Engine`` for what each method promises.

    Args:
        record_dir: The folder in which each run records itself; None not to record.
    """

    def __init__(self, *, record_dir: str | Path | None = None) -> None:
        super().__init__()
        self._folder = None if record_dir is None else as_path("record_dir", record_dir)
        self._loop = Loop(self, self._folder)
        self._thread = threading.Thread(target=self._loop.run, name="gnlab-engine", daemon=True)
        self._thread.start()
        # A thread that is inside torch when the interpreter ends would abort the program.
        self._end = weakref.finalize(self, _end, self._loop, self._thread)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def again(self) -> Self:
        """Another engine on a new thread.

        Returns:
            The new engine.
        """
        return type(self)(record_dir=self._folder)

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

        Raises:
            InputError: If there is no such run.
        """
        self._check(run_id)
        return self._loop.run_of(run_id)

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
        """Take notice from the loop that a run is closed.

        Args:
            run_id: The run's id.
        """
        self._drop(run_id)

    def _tell(self, message: Message) -> None:
        self._loop.hear(message)

    def _newest(self, run_id: str) -> Snapshot:
        latest = self._latest[run_id]
        if latest.state != "stopped" and not self.alive:
            latest = self._latest[run_id] = ended(latest, "its thread has stopped")
        return latest


def _end(loop: Loop, thread: threading.Thread) -> None:
    """Close the loop and wait for the step being made and for what is being loaded."""
    loop.close()
    thread.join()
    loop.wait_for_loaders()
