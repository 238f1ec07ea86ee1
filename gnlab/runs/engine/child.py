"""The engine's own process: what it does from its start to its end."""

import contextlib
import dataclasses
import logging
import os
import pickle
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from gnlab.errors import InputError
from gnlab.runs.engine.board import Writer
from gnlab.runs.engine.collector import sparing_what_stays
from gnlab.runs.engine.cores import one_thread, pin
from gnlab.runs.engine.loop import Loop
from gnlab.runs.engine.messages import Close, Message
from gnlab.runs.engine.packing import pack
from gnlab.runs.engine.snapshot import Snapshot, opening
from gnlab.runs.failure import FAULTS
from gnlab.runs.ladder import allow
from gnlab.runs.run import Run
from gnlab.summaries.replay import SIGHTS, forget

_log = logging.getLogger(__name__)
_PATIENCE = 30.0  # seconds that a step may still take once the process shall end


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
            with contextlib.suppress(InputError):  # not even for that: the last one stays
                self._writers[run_id].write(snapshot.version, pack(_reduced(snapshot, str(error))))

    def forget(self, run_id: str) -> None:
        """Let go of a run's board.

        Args:
            run_id: The run's id.
        """
        if run_id in self._writers:
            self._writers.pop(run_id).close(unlink=True)

    def close(self, *, unlink: bool) -> None:
        """Let go of all boards.

        Args:
            unlink: Whether to remove them too, because their reader is gone.
        """
        while self._writers:
            self._writers.popitem()[1].close(unlink=unlink)


def serve(
    connection: Connection,
    prefix: str,
    record_dir: Path | None,
    threads: int,
    cores: set[int],
    most_groups: int | None,
) -> None:
    """The process's body: make steps until told to end or until the parent is gone.

    Args:
        connection: Where messages come from.
        prefix: What the boards' names begin with.
        record_dir: The folder in which each run records itself, or None.
        threads: Threads of torch per operation.
        cores: The cores to keep to; none for all.
        most_groups: The most groups that a run may have; None: what the device allows.
    """
    # A Ctrl-C in the terminal reaches the parent too, which ends this process in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pin(cores)
    one_thread()
    torch.set_num_threads(threads)
    allow(most_groups)
    boards = Boards(prefix)
    loop = Loop(boards, record_dir)
    # No lock is taken: the loop, which the signal interrupts, may have it.
    signal.signal(signal.SIGTERM, lambda *_: loop.leave())
    done, unwatched = threading.Event(), threading.Event()
    threading.Thread(
        target=_receive, args=(connection, loop, done, unwatched), name="gnlab-receive", daemon=True
    ).start()
    _warm_up()
    try:
        with sparing_what_stays():
            loop.run()
    finally:
        boards.close(unlink=unwatched.is_set())
        done.set()


def _warm_up() -> None:
    """Make steps of a small run until its summary is repeated.

    Torch loads much of itself at the first one, for seconds; and how an operation is repeated
    quickest is tried out once, which would be the longest part of the first recordings.
    """
    run = Run("moons", device="cpu", partition="unit", period=1)
    for _ in range(SIGHTS):
        run.step()
    forget()


def _receive(
    connection: Connection, loop: Loop, done: threading.Event, unwatched: threading.Event
) -> None:
    """Pass messages on as they come, whatever the loop is at."""
    message: Message | None = None
    with contextlib.suppress(EOFError, OSError):
        while not isinstance(message, Close):
            message = _read(connection)
            if message is not None:
                loop.hear(message)
    unwatched.set()  # also if the parent is gone without a word
    loop.close()
    if not done.wait(_PATIENCE):
        os._exit(1)  # a step does not end


def _read(connection: Connection) -> Message | None:
    """The next message; None for one that makes no sense here, which must not end the others."""
    content = connection.recv_bytes()
    try:
        message: Message = pickle.loads(content)
    except FAULTS:
        _log.exception("a message could not be read")
        return None
    return message


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
