"""The archive: the recordings of all runs of an engine, written in turn.

Writing takes a few hundredths of the time at most: after one run's steps were written, the next
waits about thirty times as long as that took. With one run on a quiet machine a step is on disk
after about a second, with thirty runs after some ten; a run that pauses is written at once. While
runs step it is done in pieces, a few variables between two steps: to begin a part takes as long as
some steps of a small network, and somebody who drags a slider begins many.
"""

import logging
import math
import shutil
import time
from pathlib import Path

from gnlab.errors import InputError
from gnlab.runs.disk.recording import Recording, new_folder
from gnlab.runs.records.record import Record
from gnlab.runs.settings import Settings

_log = logging.getLogger(__name__)
_SHARE = 0.03
_PIECE = 0.2  # of the time between two pieces
_HALF = 0.5  # where writing falls behind: as long as the steps take, and no step waits for two
_DELAY = 1.0
MATRIX_BYTES = 2**26
"""Bytes of H̄ and its parts in one part of a run, after which fewer of them are written: an engine's
runs record themselves unasked, and somebody who drags a slider begins many parts."""
LEAST_FREE = 2**28
"""Bytes that a recording leaves free on its disk."""


class Archive:
    """Recordings by run.

    Args:
        parent: The folder in which each run gets a folder of its own; None to record nothing.
    """

    def __init__(self, parent: Path | None) -> None:
        self._parent = parent
        self._recordings: dict[str, Recording] = {}
        self._starts: dict[str, tuple[object, ...]] = {}
        self._next = self._asked = 0.0
        self._current: str | None = None  # whose steps are being written
        self._spent = 0.0  # seconds, on them

    def folder(self, run_id: str) -> str:
        """A run's folder, "" before its first step.

        Args:
            run_id: The run's id.

        Returns:
            The folder.
        """
        found = self._recordings.get(run_id)
        return "" if found is None else str(found.folder)

    def add(self, run_id: str, record: Record, settings: Settings) -> None:
        """Take a finished step; another start of the run is another recording.

        A start whose recording has failed is not recorded any more.

        Args:
            run_id: The run's id.
            record: The step's record.
            settings: The settings it was made with.
        """
        if self._parent is None:
            return
        if self._starts.get(run_id) != settings.start:
            self.forget(run_id)
            self._starts[run_id] = settings.start
            self._recordings[run_id] = Recording(new_folder(self._parent, settings), MATRIX_BYTES)
        if run_id in self._recordings:
            self._recordings[run_id].add(record, settings)

    def write(self, *, idle: bool) -> tuple[str, str] | None:
        """Write the steps of one run, or some of them, if it is time to.

        Args:
            idle: Whether no run is stepping, so that there is time.

        Returns:
            A run's id and why this start of it cannot be recorded any more, or None.
        """
        now = time.monotonic()
        between, self._asked = now - self._asked, now
        waiting = {run_id: r for run_id, r in self._recordings.items() if r.waiting}
        if not waiting:
            return None
        run_id = self._current
        if run_id is None or run_id not in waiting:
            run_id = min(waiting, key=lambda one: (not waiting[one].full, waiting[one].since))
        recording = waiting[run_id]
        late = now >= self._next and now - recording.since >= _DELAY
        if not (idle or late or recording.full or run_id == self._current):
            return None
        done = True
        try:
            self._check_room()
            part = _HALF if recording.behind else _PIECE
            at_once = idle or recording.overfull
            done = recording.write_for(math.inf if at_once else part * between)
        except InputError as error:
            del self._recordings[run_id]  # its start is still known, and so is not recorded anew
            return run_id, str(error)
        finally:
            self._account(None if done else run_id, now)
        return None

    def _account(self, current: str | None, begun: float) -> None:
        """Take down whose steps are to be written on, and when the next ones if nobody's are."""
        now = time.monotonic()
        self._current, self._spent = current, self._spent + now - begun
        if current is None:
            self._next, self._spent = now + self._spent / _SHARE, 0.0

    def _check_room(self) -> None:
        """Refuse to fill the disk."""
        assert self._parent is not None
        above = self._parent, *self._parent.parents
        try:
            free = shutil.disk_usage(next(folder for folder in above if folder.exists())).free
        except OSError as error:  # such as a folder that may not be looked into
            raise InputError(
                f"the run cannot be recorded in {str(self._parent)!r}: {error.strerror}; "
                "it goes on without."
            ) from error
        if free < LEAST_FREE:
            raise InputError(
                f"the disk of {str(self._parent)!r} has {free // 2**20} MiB left, of which "
                f"{LEAST_FREE // 2**20} stay free; the run goes on without being recorded."
            )

    def forget(self, run_id: str) -> None:
        """Write what waits of a run and close its recording.

        Args:
            run_id: The run's id.
        """
        self._starts.pop(run_id, None)
        found = self._recordings.pop(run_id, None)
        if found is not None:
            try:
                if found.waiting:
                    self._check_room()
                found.flush()
            except InputError as error:
                _log.warning("%s", error)  # the run is gone, and with it whom to tell
