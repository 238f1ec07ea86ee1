"""Snapshots: what a person sees of a run at one moment; immutable, numbered, safe to share."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Protocol

from gnlab.runs.curve import WhatIf
from gnlab.runs.ladder import Level
from gnlab.runs.records.detail import Detail
from gnlab.runs.records.history import History, HistoryLog
from gnlab.runs.records.record import Record
from gnlab.runs.settings import Settings

_NO_HISTORY = HistoryLog().history()


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A run at one moment.

    Attributes:
        version: Grows with every snapshot of the run.
        settings: The run's present settings.
        state: "paused", "playing" or "stopped" (it can go no further: see ``message``).
        message: The last thing to tell a person, one or two lines; "" for nothing.
        severity: The message's: "info", "warning" or "error".
        step: Finished steps.
        epoch: Passes through the training data.
        steps_per_second: Over the last second or so; 0 while paused.
        kept_steps: The steps that can be rewound to, ascending.
        record: The latest step's record, or None before the first.
        summary: The latest record that has a summary, or None.
        history: The run so far.
        levels: The levels the model distinguishes, coarse to fine.
        applied: The number of the last command taken.
        phase: Which phase of the coming step was made by sub-steps: "", "gradient", "summary",
            "solve" or "update".
        device: The device the run is on.
        time: When it was published, in seconds of ``time.monotonic``.
        what_if: The what-if curve, None before it was asked for.
        folder: Where the run records itself, for ``open_record`` once its first steps are written;
            "" if nowhere, and before the first step.
        level: The run's own level, which need be none of ``levels``; None before it is loaded.
        detail: The part of the summary's H̄ that is looked at group by group, see ``Look``; None
            for none, or while there is none of this summary.
    """

    version: int
    settings: Settings
    state: str
    message: str
    severity: str
    step: int
    epoch: float
    steps_per_second: float
    kept_steps: tuple[int, ...]
    record: Record | None
    summary: Record | None
    history: History
    levels: tuple[Level, ...]
    applied: int
    phase: str
    device: str
    time: float
    what_if: WhatIf | None = None
    folder: str = ""
    level: Level | None = None
    detail: Detail | None = None


class Boards(Protocol):
    """Where snapshots are published."""

    def publish(self, run_id: str, snapshot: Snapshot) -> None:
        """Take a run's newest snapshot."""
        ...

    def forget(self, run_id: str) -> None:
        """Take notice that a run is closed."""
        ...


def loading(settings: Settings) -> str:
    """What to tell of a run that is being loaded.

    Args:
        settings: Its settings.

    Returns:
        One line.
    """
    return f"Loading {settings.preset} …"


def opening(settings: Settings) -> Snapshot:
    """What there is to see of a run that the engine has not come to yet: version 0.

    Args:
        settings: Its settings.

    Returns:
        The snapshot.
    """
    return Snapshot(
        version=0,
        settings=settings,
        state="paused",
        message=loading(settings),
        severity="info",
        step=0,
        epoch=0.0,
        steps_per_second=0.0,
        kept_steps=(),
        record=None,
        summary=None,
        history=_NO_HISTORY,
        levels=(),
        applied=0,
        phase="",
        device=settings.device,
        time=time.monotonic(),
    )


def ended(latest: Snapshot, how: str) -> Snapshot:
    """The last snapshot of a run whose engine is gone.

    Args:
        latest: The last that the engine published.
        how: How the engine ended.

    Returns:
        A snapshot that says so.
    """
    return dataclasses.replace(
        latest,
        version=latest.version + 1,
        state="stopped",
        steps_per_second=0.0,
        message=f"The engine has ended ({how}). What was recorded is readable. To start anew, "
        "reload the page, or run the notebook's cell again.",
        severity="error",
        time=time.monotonic(),
    )
