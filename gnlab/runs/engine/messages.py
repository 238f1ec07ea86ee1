"""Messages: what an engine's front, where a person asks, tells the loop that makes the steps."""

from dataclasses import dataclass

from gnlab.runs.engine.commands import Command
from gnlab.runs.settings import Settings


@dataclass(frozen=True, slots=True)
class Open:
    """Open a run whose snapshots have a place.

    Attributes:
        run_id: Its id.
        settings: Its settings.
    """

    run_id: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Send:
    """Give a run a command.

    Attributes:
        run_id: Its id.
        number: The command's number.
        command: The command.
    """

    run_id: str
    number: int
    command: Command


@dataclass(frozen=True, slots=True)
class CloseRun:
    """Close a run.

    Attributes:
        run_id: Its id.
    """

    run_id: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the engine after the step being made."""


Message = Open | Send | CloseRun | Close
