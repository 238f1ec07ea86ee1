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
    TryLevels,
)
from gnlab.runs.cores import pin_server
from gnlab.runs.curve import Trials, WhatIf
from gnlab.runs.engine import Engine
from gnlab.runs.history import History
from gnlab.runs.process import ProcessEngine
from gnlab.runs.record import Record
from gnlab.runs.recorded import Recorded, open_record
from gnlab.runs.recording import default_folder
from gnlab.runs.run import Run
from gnlab.runs.settings import BOUNDS, Bound, Settings, live
from gnlab.runs.snapshot import Level, Snapshot
from gnlab.runs.thread import ThreadEngine
from gnlab.runs.train import resume, train
from gnlab.runs.what_if import what_if

__all__ = [
    "BOUNDS",
    "Bound",
    "Branch",
    "Change",
    "Choices",
    "Command",
    "Engine",
    "History",
    "Level",
    "Pace",
    "Pause",
    "Play",
    "ProcessEngine",
    "Record",
    "Recorded",
    "Reset",
    "Rewind",
    "Run",
    "Settings",
    "Snapshot",
    "Step",
    "Substep",
    "ThreadEngine",
    "Trials",
    "TryLevels",
    "WhatIf",
    "choices",
    "default_folder",
    "live",
    "open_record",
    "pin_server",
    "resume",
    "train",
    "what_if",
]
