"""Runs: steps strung together and recorded, and the engine that makes many runs step in turn."""

from gnlab.runs.choices import Choices, choices
from gnlab.runs.commands import (
    Branch,
    Change,
    Command,
    Pace,
    Pause,
    Play,
    Reset,
    Rewind,
    Step,
    Substep,
)
from gnlab.runs.history import History
from gnlab.runs.record import Record
from gnlab.runs.settings import BOUNDS, Bound, Settings
from gnlab.runs.snapshot import Level, Snapshot

__all__ = [
    "BOUNDS",
    "Bound",
    "Branch",
    "Change",
    "Choices",
    "Command",
    "History",
    "Level",
    "Pace",
    "Pause",
    "Play",
    "Record",
    "Reset",
    "Rewind",
    "Settings",
    "Snapshot",
    "Step",
    "Substep",
    "choices",
]
