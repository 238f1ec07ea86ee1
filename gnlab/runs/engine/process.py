"""The engine as a process of its own: for a server, whose pages stay quick meanwhile.

Commands go through a pipe, snapshots come back through shared memory: looking at a run costs the
engine nothing, and a slow reader delays nobody.
"""

import multiprocessing
import os
import secrets
import signal
import threading
import weakref
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from gnlab.errors import as_path, check_number
from gnlab.runs.engine.board import Reader
from gnlab.runs.engine.child import serve
from gnlab.runs.engine.cores import split
from gnlab.runs.engine.engine import Engine
from gnlab.runs.engine.messages import Close, Message
from gnlab.runs.engine.outbox import Outbox
from gnlab.runs.engine.packing import unpack
from gnlab.runs.engine.snapshot import Snapshot, ended

_PATIENCE = 10.0
_OUT_OF_MEMORY = ", perhaps because the machine is out of memory"


class ProcessEngine(Engine):
    """Makes runs step in a process of its own; see ``Engine`` for what each method promises.

    The process ends with this one, however this one ends. Should it end first, every run's
    snapshot says so.

    Args:
        record_dir: The folder in which each run records itself; None not to record.
        threads: Threads of torch per operation; one is best where many runs take turns.
        pinned: Whether to keep the process on the half of the cores that ``pin_server`` leaves;
            or the cores to keep it on.
        most_groups: The most groups that a run may have; None: what the device allows.
    """

    def __init__(
        self,
        *,
        record_dir: str | Path | None = None,
        threads: int = 1,
        pinned: bool | set[int] = True,
        most_groups: int | None = None,
    ) -> None:
        super().__init__()
        if most_groups is not None:
            check_number("most_groups", most_groups, low=1, integer=True)
        self._prefix = f"gn-{os.getpid()}-{secrets.token_hex(2)}-"  # macOS: 31 at most
        self._readers: dict[str, Reader] = {}
        self._reading = threading.Lock()
        context = multiprocessing.get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        self._folder = None if record_dir is None else as_path("record_dir", record_dir)
        self._threads, self._most_groups = threads, most_groups
        self._cores = pinned if isinstance(pinned, set) else split()[1] if pinned else set()
        self._process = context.Process(
            target=serve,
            args=(theirs, self._prefix, self._folder, threads, self._cores, most_groups),
            name="gnlab-engine",
            daemon=True,
        )
        self._process.start()
        theirs.close()  # so that the pipe breaks when the process ends
        self._outbox = Outbox(ours)
        self._end = weakref.finalize(self, _end, self._process, self._outbox, self._readers)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def again(self) -> Self:
        """Another engine in a new process, on the same cores.

        Returns:
            The new engine.
        """
        # Not the half of what this thread may use now: that is the server's half.
        return type(self)(
            record_dir=self._folder,
            threads=self._threads,
            pinned=set(self._cores),
            most_groups=self._most_groups,
        )

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process.pid is not None
        return self._process.pid

    def close(self) -> None:
        """End the process after the step being made, by force after a while, and all runs."""
        self._end()
        self._latest.clear()

    def _new_id(self) -> str:
        """An id, with the board for its run's snapshots."""
        run_id = super()._new_id()
        self._readers[run_id] = Reader(self._prefix + run_id)
        return run_id

    def _drop(self, run_id: str) -> None:
        """Let go of what there is to see of a run, and of its board."""
        with self._reading:
            super()._drop(run_id)
            self._readers.pop(run_id).close()

    def _tell(self, message: Message) -> None:
        self._outbox.put(message)

    def _newest(self, run_id: str) -> Snapshot:
        with self._reading:
            latest = self._latest[run_id]
            found = self._readers[run_id].read(latest.version)
            if found is not None:
                latest = self._latest[run_id] = unpack(found[1])
            elif latest.state != "stopped" and not self.alive:
                latest = self._latest[run_id] = ended(latest, self._how())
        return latest

    def _how(self) -> str:
        """How the process ended."""
        code = self._process.exitcode or 0
        if code >= 0:
            return f"its process left with code {code}"
        name = signal.Signals(-code).name
        return f"its process was ended by {name}{_OUT_OF_MEMORY if name == 'SIGKILL' else ''}"


def _end(process: BaseProcess, outbox: Outbox, readers: dict[str, Reader]) -> None:
    """End the process in good order, by force if it does not listen, and remove the boards."""
    outbox.put(Close())
    process.join(_PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
    outbox.close()
    for reader in readers.values():
        reader.close()
    readers.clear()
