"""The engine as a process of its own: for a server, whose pages stay quick meanwhile.

Commands go through a pipe, snapshots come back through shared memory: looking at a run costs the
engine nothing, and a slow reader delays nobody.
"""

import contextlib
import itertools
import multiprocessing
import os
import secrets
import signal
import threading
import weakref
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from gnlab.errors import unknown_choice
from gnlab.runs.board import Reader
from gnlab.runs.child import Close, CloseRun, Message, Open, Send, serve
from gnlab.runs.commands import Branch, Command
from gnlab.runs.cores import split
from gnlab.runs.packing import unpack
from gnlab.runs.settings import Settings
from gnlab.runs.snapshot import Snapshot, ended, opening

_PATIENCE = 10.0
_OUT_OF_MEMORY = ", perhaps because the machine is out of memory"


class ProcessEngine:
    """Makes runs step in a process of its own; see ``Engine`` for what each method promises.

    The process ends with this one, however this one ends. Should it end first, every run's
    snapshot says so.

    Args:
        record_dir: The folder in which each run records itself; None not to record.
        threads: Threads of torch per operation; one is best where many runs take turns.
        pinned: Whether to keep the process on the half of the cores that ``pin_server`` leaves.
    """

    def __init__(
        self,
        *,
        record_dir: str | Path | None = None,
        threads: int = 1,
        pinned: bool = True,
    ) -> None:
        self._prefix = f"gn-{os.getpid()}-{secrets.token_hex(2)}-"  # macOS: 31 at most
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)
        self._latest: dict[str, Snapshot] = {}
        self._readers: dict[str, Reader] = {}
        self._sending, self._reading = threading.Lock(), threading.Lock()
        context = multiprocessing.get_context("spawn")
        theirs, self._connection = context.Pipe(duplex=False)
        folder = None if record_dir is None else Path(record_dir)
        cores = split()[1] if pinned else set()
        self._process = context.Process(
            target=serve,
            args=(theirs, self._prefix, folder, threads, cores),
            name="gnlab-engine",
            daemon=True,
        )
        self._process.start()
        theirs.close()  # so that the pipe breaks when the process ends
        self._end = weakref.finalize(self, _end, self._process, self._connection, self._readers)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process.pid is not None
        return self._process.pid

    def open(self, settings: Settings) -> str:
        """Open a run, paused.

        Args:
            settings: Its settings.

        Returns:
            Its id.

        Raises:
            InputError: If there is no room for its snapshots in shared memory.
        """
        run_id = self._new(settings)
        self._tell(Open(run_id, settings))
        return run_id

    def branch(self, run_id: str) -> str:
        """Open a copy of a run, paused at the same step.

        Args:
            run_id: The run's id.

        Returns:
            The copy's id.

        Raises:
            InputError: If there is no such run, or no room in shared memory.
        """
        self._check(run_id)
        copy = self._new(self._latest[run_id].settings)
        self.send(run_id, Branch(copy))
        return copy

    def send(self, run_id: str, command: Command) -> int:
        """Send a command.

        Args:
            run_id: The run's id.
            command: The command.

        Returns:
            Its number, which ``Snapshot.applied`` reaches when it was taken.

        Raises:
            InputError: If there is no such run.
        """
        self._check(run_id)
        number = next(self._numbers)
        self._tell(Send(run_id, number, command))
        return number

    def snapshot(self, run_id: str, newer_than: int = -1) -> Snapshot | None:
        """The newest snapshot of a run.

        Args:
            run_id: The run's id.
            newer_than: The version last seen.

        Returns:
            The snapshot, or None if there is none newer.

        Raises:
            InputError: If there is no such run.
        """
        self._check(run_id)
        latest = self._latest[run_id]
        with self._reading:
            found = self._readers[run_id].read(latest.version)
            if found is not None:
                latest = self._latest[run_id] = unpack(found[1])
            elif latest.state != "stopped" and not self._process.is_alive():
                latest = self._latest[run_id] = ended(latest, self._how())
        return latest if latest.version > newer_than else None

    def close_run(self, run_id: str) -> None:
        """Close a run.

        Args:
            run_id: The run's id.

        Raises:
            InputError: If there is no such run.
        """
        self._check(run_id)
        self._tell(CloseRun(run_id))
        self._readers.pop(run_id).close()
        del self._latest[run_id]

    def close(self) -> None:
        """End the process after the step being made, and close all runs."""
        self._end()
        self._latest.clear()

    def _new(self, settings: Settings) -> str:
        run_id = f"run-{next(self._ids)}"
        self._readers[run_id] = Reader(self._prefix + run_id)
        self._latest[run_id] = opening(settings)
        return run_id

    def _tell(self, message: Message) -> None:
        """Send a message; one to a process that has ended is lost, the snapshots say why."""
        with self._sending, contextlib.suppress(OSError):
            self._connection.send(message)

    def _how(self) -> str:
        """How the process ended."""
        code = self._process.exitcode or 0
        if code >= 0:
            return f"its process left with code {code}"
        name = signal.Signals(-code).name
        return f"its process was ended by {name}{_OUT_OF_MEMORY if name == 'SIGKILL' else ''}"

    def _check(self, run_id: str) -> None:
        if run_id not in self._latest:
            raise unknown_choice("run", run_id, self._latest)


def _end(process: BaseProcess, connection: Connection, readers: dict[str, Reader]) -> None:
    """End the process in good order, by force if it does not listen, and remove the boards."""
    with contextlib.suppress(OSError):  # it may have ended already
        connection.send(Close())
    process.join(_PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
    connection.close()
    for reader in readers.values():
        reader.close()
    readers.clear()
