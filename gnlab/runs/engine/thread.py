"""The engine as a thread of this process: for a notebook, whose kernel stays free meanwhile."""

import atexit
import threading
import weakref
from pathlib import Path
from typing import Self

from gnlab.errors import as_path
from gnlab.runs.engine.engine import Engine
from gnlab.runs.engine.loop import Loop
from gnlab.runs.engine.messages import Message
from gnlab.runs.engine.snapshot import Snapshot, ended
from gnlab.runs.run import Run


class ThreadEngine(Engine):
    """Makes runs step on a thread; see ``Engine`` for what each method promises.

    Args:
        record_dir: The folder in which each run records itself; None not to record.
    """

    def __init__(self, *, record_dir: str | Path | None = None) -> None:
        super().__init__()
        self._folder = None if record_dir is None else as_path("record_dir", record_dir)
        self._loop = loop = Loop(_Boards(self._latest), self._folder)
        self._thread = threading.Thread(
            target=_work, args=(loop,), name="gnlab-engine", daemon=True
        )
        _working[self._thread] = loop
        self._thread.start()
        # Of an engine that nobody holds any more, nobody could close the runs.
        weakref.finalize(self, loop.leave).atexit = False

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
        _end(self._loop, self._thread)
        self._latest.clear()

    def _tell(self, message: Message) -> None:
        self._loop.hear(message)

    def _newest(self, run_id: str) -> Snapshot:
        latest = self._latest[run_id]
        if latest.state != "stopped" and not self.alive:
            latest = self._latest[run_id] = ended(latest, "its thread has stopped")
        return latest


class _Boards:
    """Where the loop publishes what an engine shows; the loop must not hold the engine itself."""

    def __init__(self, latest: dict[str, Snapshot]) -> None:
        self._latest = latest

    def publish(self, run_id: str, snapshot: Snapshot) -> None:
        """Take a run's newest snapshot."""
        if run_id in self._latest:
            self._latest[run_id] = snapshot

    def forget(self, run_id: str) -> None:
        """Take notice that a run is closed."""
        self._latest.pop(run_id, None)


_working: dict[threading.Thread, Loop] = {}
"""The threads that have not ended, also of engines that nobody holds any more."""


def _work(loop: Loop) -> None:
    """Make steps until closed: the body of a thread."""
    try:
        loop.run()
    finally:
        _working.pop(threading.current_thread(), None)


def _end(loop: Loop, thread: threading.Thread) -> None:
    """Close the loop and wait for the step being made and for what is being loaded."""
    loop.close()
    thread.join()


@atexit.register
def _end_all() -> None:
    """End every thread: one inside torch when the interpreter ends would abort the program."""
    for thread, loop in list(_working.items()):
        _end(loop, thread)
