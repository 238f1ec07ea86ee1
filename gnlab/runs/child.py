"""The engine's own process: what it does from its start to its end."""

import contextlib
import dataclasses
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from gnlab.errors import InputError
from gnlab.runs.board import Writer
from gnlab.runs.commands import Command
from gnlab.runs.cores import pin
from gnlab.runs.engine import Loop
from gnlab.runs.packing import pack
from gnlab.runs.run import Run
from gnlab.runs.settings import Settings
from gnlab.runs.snapshot import Snapshot, opening

_PATIENCE = 30.0  # seconds that a step may still take once the process shall end


@dataclass(frozen=True, slots=True)
class Open:
    """Open a run whose board is ready.

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
    """Close the engine."""


Message = Open | Send | CloseRun | Close


class Boards:
    """Publishes each run's snapshots on its board.

    Args:
        prefix: What the boards' names begin with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._writers: dict[str, Writer] = {}

    def publish(self, run_id: str, snapshot: Snapshot) -> None:
        """Write a snapshot; without its history if there is no room for it.

        Args:
            run_id: The run's id.
            snapshot: The snapshot.
        """
        try:
            if run_id not in self._writers:
                self._writers[run_id] = Writer(self._prefix + run_id)
            self._writers[run_id].write(snapshot.version, pack(snapshot))
        except FileNotFoundError:
            return  # closed meanwhile by the reader, nobody looks any more
        except InputError as error:
            self._writers[run_id].write(snapshot.version, pack(_reduced(snapshot, str(error))))

    def forget(self, run_id: str) -> None:
        """Let go of a run's board.

        Args:
            run_id: The run's id.
        """
        if run_id in self._writers:
            self._writers.pop(run_id).close(unlink=True)


def serve(
    connection: Connection, prefix: str, record_dir: Path | None, threads: int, cores: set[int]
) -> None:
    """The process's body: make steps until told to end or until the parent is gone.

    Args:
        connection: Where messages come from.
        prefix: What the boards' names begin with.
        record_dir: The folder in which each run records itself, or None.
        threads: Threads of torch per operation.
        cores: The cores to keep to; none for all.
    """
    # A Ctrl-C in the terminal reaches the parent too, which ends this process in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pin(cores)
    torch.set_num_threads(threads)
    loop = Loop(Boards(prefix), record_dir)
    signal.signal(signal.SIGTERM, lambda *_: loop.close())
    done = threading.Event()
    threading.Thread(
        target=_receive, args=(connection, loop, done), name="gnlab-receive", daemon=True
    ).start()
    _warm_up()
    try:
        loop.run()
    finally:
        done.set()


def _warm_up() -> None:
    """Make a step of a small run: torch loads much of itself at the first one, for seconds."""
    Run("quadratic", device="cpu").step()


def _receive(connection: Connection, loop: Loop, done: threading.Event) -> None:
    """Pass messages on as they come, whatever the loop is at."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            message: Message = connection.recv()
            if isinstance(message, Close):
                break
            _pass_on(message, loop)
    loop.close()
    if not done.wait(_PATIENCE):
        os._exit(1)  # the parent is gone and a step does not end


def _pass_on(message: Message, loop: Loop) -> None:
    if isinstance(message, Open):
        loop.open(message.run_id, message.settings)
    elif isinstance(message, Send):
        loop.send(message.run_id, message.number, message.command)
    elif isinstance(message, CloseRun):
        loop.close_run(message.run_id)


def _reduced(snapshot: Snapshot, reason: str) -> Snapshot:
    """A snapshot that fits into little room, and says why."""
    return dataclasses.replace(
        snapshot,
        history=opening(snapshot.settings).history,
        record=None,
        summary=None,
        message=reason,
        severity="error",
    )
