"""Runs: steps strung together and recorded, and the engine that makes many runs step in turn."""

from gnlab.runs.choices import Choices, choices
from gnlab.runs.curve import Trials, WhatIf
from gnlab.runs.disk.recorded import Recorded, open_record
from gnlab.runs.disk.recording import default_folder
from gnlab.runs.engine.commands import (
    Branch,
    Change,
    Command,
    Look,
    Pace,
    Pause,
    Play,
    Reset,
    Rewind,
    Step,
    Substep,
    TryLevels,
)
from gnlab.runs.engine.cores import pin_server
from gnlab.runs.engine.engine import Engine
from gnlab.runs.engine.process import ProcessEngine
from gnlab.runs.engine.snapshot import Snapshot
from gnlab.runs.engine.thread import ThreadEngine
from gnlab.runs.ladder import Level
from gnlab.runs.records.detail import Detail
from gnlab.runs.records.history import History
from gnlab.runs.records.record import Record
from gnlab.runs.run import Run
from gnlab.runs.settings import BOUNDS, Bound, Settings, live
from gnlab.runs.train import resume, train
from gnlab.runs.what_if import what_if

__all__ = [
    "BOUNDS",
    "Bound",
    "Branch",
    "Change",
    "Choices",
    "Command",
    "Detail",
    "Engine",
    "History",
    "Level",
    "Look",
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
