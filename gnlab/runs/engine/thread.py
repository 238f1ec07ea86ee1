"""The engine as a thread of this process: for a notebook, whose kernel stays free meanwhile."""

import atexit
import threading
import weakref
from pathlib import Path
from typing import Self

import torch

from gnlab.errors import as_path, check_number
from gnlab.runs.engine.cores import half
from gnlab.runs.engine.engine import Engine
from gnlab.runs.engine.loop import Loop
from gnlab.runs.engine.messages import Message
from gnlab.runs.engine.snapshot import Snapshot, ended
from gnlab.runs.run import Run


class ThreadEngine(Engine):
    """Makes runs step on a thread; see ``Engine`` for what each method promises.

    Args:
        record_dir: The folder in which each run records itself; None not to record.
        threads: Threads of torch per operation; None for half of the cores, or what torch has where
            that is fewer. What shows the runs needs the others: threads of torch wait for each
            other by spinning, and beside a page a step on both of two cores took seven times as
            long.

    Raises:
        InputError: If the threads are out of bounds.
    """

    def __init__(self, *, record_dir: str | Path | None = None, threads: int | None = None) -> None:
        super().__init__()
        if threads is not None:
            check_number("threads", threads, low=1, integer=True)
        self._folder = None if record_dir is None else as_path("record_dir", record_dir)
        self._loop = loop = Loop(_Boards(self._latest), self._folder)
        self._threads = threads
        self._thread = _started(loop, threads or min(half(), torch.get_num_threads()))
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
        return type(self)(record_dir=self._folder, threads=self._threads)

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


def _started(loop: Loop, threads: int) -> threading.Thread:
    """A thread that makes a loop's steps, with threads of torch of its own number.

    Torch has one number for threads that have not used it yet; the calling thread and those that
    come later keep theirs.
    """
    before = torch.get_num_threads()
    ready = threading.Event()
    thread = threading.Thread(
        target=_work, args=(loop, threads, ready), name="gnlab-engine", daemon=True
    )
    _working[thread] = loop
    thread.start()
    ready.wait()
    torch.set_num_threads(before)
    return thread


def _work(loop: Loop, threads: int, ready: threading.Event) -> None:
    """Make steps until closed: the body of a thread."""
    try:
        torch.get_num_threads()  # or torch takes the common number when it first shares out work
        torch.set_num_threads(threads)
        ready.set()
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
