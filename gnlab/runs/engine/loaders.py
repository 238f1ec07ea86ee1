"""Loaders: threads on which runs are loaded, so that other runs go on meanwhile."""

import logging
import threading
from collections.abc import Callable
from functools import partial

from gnlab.errors import InputError
from gnlab.problems import downloads
from gnlab.runs.engine.seat import Seat
from gnlab.runs.failure import FAULTS, describe
from gnlab.runs.run import Run
from gnlab.runs.settings import Settings

_AT_ONCE = 4
_LOOK = 0.05  # seconds between two looks at what is being loaded

_log = logging.getLogger(__name__)

Answer = Callable[[Seat], None]
"""Hands a seat its run, or the reason why there is none."""


class Loaders:
    """Loads runs, a few at a time."""

    def __init__(self) -> None:
        self._room = threading.Semaphore(_AT_ONCE)
        self._threads: set[threading.Thread] = set()
        self._queued: set[int] = set()  # threads that wait for their turn

    def load(
        self, settings: Settings, wanted: Callable[[], bool], done: Callable[[Answer], None]
    ) -> None:
        """Load a run; returns at once.

        Args:
            settings: The run's settings.
            wanted: Whether it is still asked for, when its turn has come.
            done: Told, on the loader's thread, how it went; not if it is not wanted any more.
        """
        # A daemon, so that a download under way does not hold up the end of the program.
        loader = threading.Thread(
            target=self._load, args=(settings, wanted, done), name="gnlab-load", daemon=True
        )
        self._threads = {thread for thread in self._threads if thread.is_alive()} | {loader}
        loader.start()

    def wait(self) -> None:
        """Wait for what is being loaded, but for no download.

        A thread that is inside torch when the interpreter ends would abort the program; one that
        reads from a connection, or waits for its turn, ends with it.
        """
        for loader in self._threads:
            while loader.is_alive() and not self._ends_anywhere(loader.ident or 0):
                loader.join(_LOOK)

    def _ends_anywhere(self, thread: int) -> bool:
        return thread in self._queued or downloads.under_way(thread)

    def _load(
        self, settings: Settings, wanted: Callable[[], bool], done: Callable[[Answer], None]
    ) -> None:
        self._take_turn()
        try:
            if wanted():
                done(_loaded(settings))
        finally:
            self._room.release()

    def _take_turn(self) -> None:
        if self._room.acquire(blocking=False):
            return
        self._queued.add(threading.get_ident())
        self._room.acquire()
        self._queued.discard(threading.get_ident())


def _loaded(settings: Settings) -> Answer:
    """Load a run, or find out why it cannot be."""
    try:
        run = Run(settings)
        _ = run.levels  # found here, not between two steps of other runs
    except InputError as error:
        return partial(Seat.refuse, reason=str(error))
    except FAULTS as error:
        _log.exception("%s could not be loaded", settings.preset)
        reason = f"{settings.preset} could not be loaded: {describe(error)}"
        return partial(Seat.refuse, reason=reason)
    return partial(Seat.take_seat, run=run)
