"""Recording: every run writes down what it did, while it does it.

Steps are collected and written now and then; what was written is readable at any moment, also
while the run goes on and after the program was killed. What a record holds is what happened: a
run that was rewound goes on in a new part, and the part before keeps the way that was given up.
"""

import dataclasses
import json
import math
import os
import secrets
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import gnlab
from gnlab.errors import InputError
from gnlab.runs.disk.part import MATRIX_BYTES, Part, is_group, write_group
from gnlab.runs.records.record import Record
from gnlab.runs.settings import Settings

STORE = "run.zarr"
_BUFFER_BYTES = 8 * 2**20
_MUCH, _MOST = 4, 16  # times as many bytes: writing falls behind; no more wait
_Row = tuple[Record, Settings]


def default_folder() -> Path:
    """Where runs record themselves unless told otherwise.

    Nothing in it is ever deleted by gnlab. A step takes about 100 bytes and 50 per group, and one
    with a summary 32 more per entry of H̄, for it and its parts, of which fewer are written from
    1 GiB on, see ``part.MATRIX_BYTES``.

    Returns:
        The environment variable GNLAB_RUNS, else the platform's folder for a user's data.
    """
    if chosen := os.environ.get("GNLAB_RUNS"):
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "gnlab" / "runs"


def new_folder(parent: Path, settings: Settings) -> Path:
    """A name for a new recording, which begins with the time.

    Args:
        parent: Where it shall be.
        settings: The run's settings.

    Returns:
        The folder, not made yet.
    """
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    preset = settings.preset.replace(":", "-").replace("/", "-")
    return parent / f"{moment}-{preset}-{secrets.token_hex(4)}"


class Recording:
    """The record of one run, being written.

    Attributes:
        fault: Why it has ended, "" while it goes on.

    Args:
        folder: Its folder; ``run.zarr`` is made in it with the first step written. A record that
            is there already is continued in a new part.
        matrix_bytes: Bytes of H̄ and its parts after which fewer of them are written, see ``Part``.
    """

    def __init__(self, folder: Path, matrix_bytes: int = MATRIX_BYTES) -> None:
        self.folder, self._matrix_bytes = folder, matrix_bytes
        self._waiting: list[_Row] = []
        self._writing: Iterator[None] | None = None
        self._round = 0  # steps that waited when the present round of writing began
        self._bytes = 0
        self._since = 0.0
        self._part: Part | None = None
        self._begun: _Row | None = None  # the first of its steps
        self._settings: Settings | None = None
        self._groups: tuple[str, ...] = ()
        self._last_step = 0
        self.fault = ""

    @property
    def waiting(self) -> int:
        """Steps that are not written yet."""
        return len(self._waiting)

    @property
    def since(self) -> float:
        """When the oldest of them was made, in seconds of ``time.monotonic``."""
        return self._since

    @property
    def full(self) -> bool:
        """Whether they take so much memory that they should be written now."""
        return self._bytes > _BUFFER_BYTES

    @property
    def behind(self) -> bool:
        """Whether more is made than is written, as where a slider is dragged for long."""
        return self._bytes > _MUCH * _BUFFER_BYTES

    @property
    def overfull(self) -> bool:
        """Whether they should be written at once, however long that takes."""
        return self._bytes > _MOST * _BUFFER_BYTES

    def add(self, record: Record, settings: Settings) -> None:
        """Take a finished step.

        Args:
            record: Its record.
            settings: The settings it was made with.
        """
        if self.fault:
            return
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append((record, settings))
        self._bytes += _bytes(record)

    def flush(self) -> None:
        """Write what waits.

        Raises:
            InputError: If it cannot be written; nothing more is recorded then.
        """
        while self._waiting:  # a round under way is not all
            self.write_for(math.inf)

    def write_for(self, seconds: float) -> bool:
        """Write on for a while, a variable at least; what is added meanwhile is for another round.

        Args:
            seconds: How long about.

        Returns:
            Whether all is written that waited when the round began.

        Raises:
            InputError: If it cannot be written; nothing more is recorded then.
        """
        end = time.monotonic() + seconds
        if self._round <= 0:
            self._round = len(self._waiting)
        try:
            while self._waiting and self._round > 0:
                if self._writing is None:
                    self._writing = self._write(self._of_one_part())
                for _ in self._writing:
                    if time.monotonic() >= end:
                        return False
                self._writing = None
        except OSError as error:
            raise self._end(error) from error
        self._round, self._since = 0, time.monotonic()
        return True

    def begin(self, settings: Settings) -> None:
        """Make ``run.zarr`` now, so that what cannot be written is an error before the first step.

        Args:
            settings: The run's settings.

        Raises:
            InputError: If it cannot be made; nothing is recorded then.
        """
        try:
            self._make_store(settings)
        except OSError as error:
            raise self._end(error) from error

    def _end(self, error: OSError) -> InputError:
        """Record nothing more; the error that says why."""
        self._waiting, self._writing = [], None
        self._bytes = self._round = 0
        written = f"it ends at step {self._last_step}" if self._last_step else "it has no step"
        self.fault = (
            f"the record cannot be written to {str(self.folder)!r}: {error.strerror or error}; "
            f"{written}. Free what is in the way, or give another folder."
        )
        return InputError(self.fault)

    def _make_store(self, settings: Settings) -> Path:
        """Make what the parts are in, unless it is there."""
        store = self.folder / STORE
        description = store / "zarr.json"
        if not description.exists():
            write_group(store, _about(settings))
        elif not is_group(description):
            # What is added to it could not be read again.
            raise OSError(f"{STORE}/zarr.json is damaged")
        return store

    def _of_one_part(self) -> list[_Row]:
        """The first of what waits, up to where a new part begins."""
        for end in range(1, len(self._waiting)):
            if _breaks(self._waiting[end - 1], self._waiting[end]):
                return self._waiting[:end]
        return self._waiting[:]

    def _write(self, rows: list[_Row]) -> Iterator[None]:
        """Write steps that belong to one part, in pieces."""
        first, settings = rows[0]
        known = self._settings is not None and _lasting(settings) == _lasting(self._settings)
        goes_on = known and first.group == self._groups and first.step == self._last_step + 1
        # A part that Ctrl-C has broken off while its first steps were written is theirs still.
        if self._part is None or not (goes_on or self._begun is rows[0]):
            self._part, self._begun = self._begin(first, settings), rows[0]
            yield
        yield from self._part.append([record for record, _ in rows])
        self._settings, self._groups = settings, first.group
        self._last_step = rows[-1][0].step
        # Only now: what Ctrl-C has broken off still waits.
        del self._waiting[: len(rows)]
        self._bytes -= sum(_bytes(record) for record, _ in rows)
        self._round -= len(rows)

    def _begin(self, first: Record, settings: Settings) -> Part:
        """Begin a new part."""
        store = self._make_store(settings)
        number = 0
        while (store / f"part-{number}").exists():
            number += 1
        attributes = _about(settings) | {"partition": first.partition, "first_step": first.step}
        same = self._settings is not None and self._settings.start == settings.start
        if same and first.step <= self._last_step:
            attributes["rewound_from"] = self._last_step
        return Part(
            store / f"part-{number}",
            first.group,
            first.role,
            settings.optimizer == "grouped-newton",
            attributes,
            self._matrix_bytes,
        )


def _bytes(record: Record) -> int:
    """About the memory that a record takes."""
    matrices = [m for m in (record.H, record.H_parts) if m is not None]
    return 1024 + sum(matrix.nbytes for matrix in matrices)


def _breaks(last: _Row, new: _Row) -> bool:
    """Whether a new part begins between two steps."""
    return (
        new[0].step != last[0].step + 1
        or new[0].group != last[0].group
        # Most steps share their settings; of all that wait, comparing takes as long as some steps.
        or (new[1] is not last[1] and _lasting(new[1]) != _lasting(last[1]))
    )


def _lasting(settings: Settings) -> Settings:
    """The settings but for lr and damping, which are variables: another change is a new part."""
    return dataclasses.replace(settings, lr=0.0, damping=0.0)


def _about(settings: Settings) -> dict[str, Any]:
    """What a record says about itself."""
    hyperparameters = settings.to_json()
    for name in ("preset", "seed", "partition"):
        del hyperparameters[name]
    return {
        "preset": settings.preset,
        "seed": settings.seed,
        "partition": json.dumps(settings.partition),
        "hyperparameters": hyperparameters,
        "versions": {
            "gnlab": gnlab.__version__,
            "torch": torch.__version__,
            "python": sys.version.split()[0],
        },
    }
