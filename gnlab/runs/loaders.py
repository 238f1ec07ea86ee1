"""Loaders: threads on which runs are loaded, so that other runs go on meanwhile."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from gnlab.errors import InputError
from gnlab.runs.failure import FAULTS, describe
from gnlab.runs.run import Run
from gnlab.runs.seat import Seat
from gnlab.runs.settings import Settings

_AT_ONCE = 4

_log = logging.getLogger(__name__)

Answer = Callable[[Seat], None]
"""Hands a seat its run, or the reason why there is none."""


class Loaders:
    """Loads runs, a few at a time."""

    def __init__(self) -> None:
        self._room = threading.Semaphore(_AT_ONCE)
        self._threads: set[threading.Thread] = set()

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

    def wait(self, patience: float) -> None:
        """Wait for what is being loaded.

        Args:
            patience: Seconds to wait at most, all together; a download may take longer.
        """
        end = time.monotonic() + patience
        for loader in self._threads:
            loader.join(max(0.0, end - time.monotonic()))

    def _load(
        self, settings: Settings, wanted: Callable[[], bool], done: Callable[[Answer], None]
    ) -> None:
        with self._room:
            if wanted():
                done(_loaded(settings))


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
