"""The loop of an engine: makes many runs step in turn and publishes snapshots of them.

One thread makes all steps, one step of each playing run per round. It reads commands between two
steps, never during one, and knows nobody who looks: it publishes immutable snapshots, and whoever
wants to see pulls the newest.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from gnlab.runs.checkpoints import BUDGET
from gnlab.runs.disk.archive import Archive
from gnlab.runs.engine.commands import Branch, Command
from gnlab.runs.engine.inbox import Inbox
from gnlab.runs.engine.loaders import Answer, Loaders
from gnlab.runs.engine.messages import Close, CloseRun, Message, Open, Send
from gnlab.runs.engine.seat import Seat
from gnlab.runs.engine.snapshot import Boards
from gnlab.runs.failure import FAULTS, describe
from gnlab.runs.run import Run
from gnlab.runs.settings import Settings

RATE = 60.0
"""Snapshots per second and run at most; fewer when publishing would take a tenth of the time."""

MEMORY = 2 * 2**30
"""Bytes that the kept states of all runs may take together."""

_SHARE = 0.1
_SLOW_STEP = 0.03
_IDLE = 1.0

_log = logging.getLogger(__name__)


class Loop:
    """The loop that makes the steps; ``run`` is its thread's body, the rest is for any thread.

    Args:
        boards: Where to publish snapshots.
        record_dir: The folder in which each run records itself; None not to record.
    """

    def __init__(self, boards: Boards, record_dir: Path | None = None) -> None:
        self._boards = boards
        self._archive = Archive(record_dir)
        self._seats: dict[str, Seat] = {}
        self._coming: dict[str, Inbox] = {}  # of runs that the loop has not come to yet
        self._wake = threading.Event()
        self._closing = False
        self._cost = 0.0  # seconds that making and publishing a snapshot takes
        self._mail: deque[Callable[[], None]] = deque()
        self._loaders = Loaders()

    def hear(self, message: Message) -> None:
        """Take a message; what it asks for is done between two steps.

        Args:
            message: The message.
        """
        if isinstance(message, Open):
            self.open(message.run_id, message.settings)
        elif isinstance(message, Send):
            self.send(message.run_id, message.number, message.command)
        elif isinstance(message, CloseRun):
            self.close_run(message.run_id)
        elif isinstance(message, Close):
            self.close()

    def open(self, run_id: str, settings: Settings) -> None:
        """Open a run.

        Args:
            run_id: Its id.
            settings: Its settings.
        """
        self._expect(run_id, lambda: self._seat(run_id, settings).want(settings))

    def adopt(self, run_id: str, run: Run) -> None:
        """Take over a run that exists.

        Args:
            run_id: Its id.
            run: The run; no one else may make it step from now on.
        """
        self._expect(run_id, lambda: self._take_over(run_id, run))

    def send(self, run_id: str, number: int, command: Command) -> None:
        """Put a command into a run's inbox; a run that is not there takes none.

        Args:
            run_id: The run's id.
            number: The command's number.
            command: The command.
        """
        waiting = self._coming.get(run_id)  # looked for first: it goes once the seat is there
        seat = self._seats.get(run_id)
        inbox = waiting if seat is None else seat.inbox
        if inbox is None:
            return
        if isinstance(command, Branch):
            self._expect(command.run_id, lambda: self._branch(run_id, number, command.run_id))
        inbox.put(number, command)
        self._wake.set()

    def close_run(self, run_id: str) -> None:
        """Close a run.

        Args:
            run_id: The run's id.
        """
        self._post(lambda: self._forget(run_id))

    def close(self) -> None:
        """End the loop after the step being made."""
        self._closing = True
        self._wake.set()

    def leave(self) -> None:
        """End the loop soon; takes no lock, since the garbage collector may be what tells it."""
        self._closing = True

    def run_of(self, run_id: str) -> Run | None:
        """The run itself, None while it is loading.

        Args:
            run_id: The run's id.

        Returns:
            The run.
        """
        return seat.run if (seat := self._seats.get(run_id)) else None

    def run(self) -> None:
        """Make steps until closed, and wait for what is being loaded then; for no download."""
        try:
            while not self._closing:
                self._wake.clear()
                worked = self._round()
                self._record(idle=not worked)
                if not worked and not self._wake.is_set():
                    self._rest()
        finally:
            # Also if a fault has ended the loop: every finished step is written down, and what was
            # published last can still be looked at.
            for run_id in list(self._seats):
                del self._seats[run_id]
                self._archive.forget(run_id)
            self._loaders.wait()

    def _rest(self) -> None:
        """Wait until there is something to do."""
        now = time.monotonic()
        waits = [seat.wait(now) for seat in self._present()]
        self._wake.wait(min([_IDLE, *waits]))

    def _round(self) -> bool:
        """One step of each run whose turn it is; whether there was any."""
        worked = False
        self._deliver()
        for run_id, seat in list(self._seats.items()):
            if self._seats.get(run_id) is not seat:
                continue  # closed since the round began
            seat.read()
            stepping = seat.due(time.monotonic())
            if seat.changed and not (stepping and seat.step_seconds < _SLOW_STEP):
                self._show(run_id, seat)
            if stepping:
                seat.advance()
                worked = True
            for record, settings in seat.take_finished():
                self._archive.add(run_id, record, settings)
            if stepping and (seat.changed or self._rate_allows(seat)):
                self._show(run_id, seat)
            if self._closing:
                break
            if stepping:  # recorded and shown, since what was posted may close the run
                self._heed(seat)
        return worked

    def _heed(self, stepped: Seat) -> None:
        """Take the others' commands and say so: a person waits for one step, not for a round."""
        self._deliver()
        for run_id, seat in list(self._seats.items()):
            if seat is not stepped and seat.inbox.waiting:
                seat.read()
                self._show(run_id, seat)

    def _record(self, *, idle: bool) -> None:
        """Write down what some run did, if it is time to."""
        failed = self._archive.write(idle=idle)
        if failed is not None and failed[0] in self._seats:
            self._seats[failed[0]].tell(failed[1], "warning")

    def _rate_allows(self, seat: Seat) -> bool:
        """Whether it is time for another snapshot of a playing run."""
        playing = sum(other.playing for other in self._present())
        least = max(1 / RATE, self._cost * playing / _SHARE)
        return time.monotonic() - seat.published >= least

    def _show(self, run_id: str, seat: Seat) -> None:
        """Publish a snapshot of a run."""
        begun = time.perf_counter()
        self._boards.publish(run_id, seat.snapshot(folder=self._archive.folder(run_id)))
        self._cost += 0.1 * (time.perf_counter() - begun - self._cost)

    def _present(self) -> list[Seat]:
        """The seats now, as a list of its own: another thread may open a run at any moment."""
        return list(self._seats.values())

    def _post(self, action: Callable[[], None]) -> None:
        """Have something done on the loop's thread."""
        self._mail.append(action)
        self._wake.set()

    def _deliver(self) -> None:
        """Do what was posted."""
        while self._mail:
            self._mail.popleft()()

    def _expect(self, run_id: str, seating: Callable[[], None]) -> None:
        """Have a run seated on the loop's thread; what it is sent meanwhile waits."""
        self._coming[run_id] = Inbox()
        self._post(seating)

    def _seat(self, run_id: str, settings: Settings) -> Seat:
        """A new seat, with what its run was sent already."""
        seat = Seat(settings, lambda wanted: self._load(run_id, wanted))
        seat.inbox = self._coming[run_id]
        self._seats[run_id] = seat
        del self._coming[run_id]
        return seat

    def _take_over(self, run_id: str, run: Run) -> None:
        seat = self._seat(run_id, run.settings)
        try:
            seat.take_seat(run)
        except FAULTS as error:  # the levels are counted by a call of the model, a person's own
            _log.exception("a run could not be taken over")
            seat.refuse(f"The run could not be taken over: {describe(error)}")
        self._share_memory()

    def _forget(self, run_id: str) -> None:
        if self._seats.pop(run_id, None) is not None:
            self._share_memory()
            self._archive.forget(run_id)
            self._boards.forget(run_id)

    def _branch(self, source_id: str, number: int, run_id: str) -> None:
        """Open a copy of a run; of one that is not loaded, another with its settings."""
        source = self._seats.get(source_id)
        if source is None:  # closed as the branch was sent
            del self._coming[run_id]
            return
        source.read(until=number)  # what was sent before the branch, and nothing sent after it
        if source.run is None:
            self._seat(run_id, source.target).want(source.target)
            return
        try:
            copied = source.run.branch()
        except FAULTS as error:
            _log.exception("a run could not be copied")
            seat = self._seat(run_id, source.target)
            seat.refuse(f"The run could not be copied: {describe(error)}")
        else:
            self._take_over(run_id, copied)

    def _share_memory(self) -> None:
        """Divide the room for kept states among the runs."""
        seats = self._present()
        share = min(BUDGET, MEMORY // max(1, len(seats)))
        for run in [seat.run for seat in seats if seat.run is not None]:
            if run.budget != share:
                run.limit_kept(share)

    def _load(self, run_id: str, settings: Settings) -> None:
        """Have a run loaded, unless it is closed or another asked for when its turn comes."""

        def wanted() -> bool:
            seat = self._seats.get(run_id)
            return not self._closing and seat is not None and seat.target is settings

        self._loaders.load(
            settings, wanted, lambda answer: self._post(self._answering(run_id, settings, answer))
        )

    def _answering(self, run_id: str, settings: Settings, answer: Answer) -> Callable[[], None]:
        """What hands over a run or why there is none, unless another was asked for meanwhile."""

        def act() -> None:
            seat = self._seats.get(run_id)
            if seat is not None and seat.target is settings:
                answer(seat)
                self._share_memory()

        return act
