"""A seat: one run in an engine, with what it was told and what it tells.

Everything here happens on the engine's own thread, between the steps of other runs.
"""

import dataclasses
import logging
import math
import time
from collections.abc import Callable

from gnlab.errors import InputError
from gnlab.runs.engine.asked import Asked
from gnlab.runs.engine.commands import (
    Branch,
    Change,
    Command,
    Pace,
    Pause,
    Play,
    Reset,
    Rewind,
    Substep,
    TryLevels,
)
from gnlab.runs.engine.inbox import Inbox
from gnlab.runs.engine.looked import Looked, looks_only
from gnlab.runs.engine.notice import Notice
from gnlab.runs.engine.rate import Rate
from gnlab.runs.engine.seen import seen
from gnlab.runs.engine.snapshot import Snapshot, loading, opening
from gnlab.runs.engine.start import Start
from gnlab.runs.engine.turns import Turns
from gnlab.runs.failure import FAULTS, describe
from gnlab.runs.growth import Growth
from gnlab.runs.ladder import finest, refusal
from gnlab.runs.records.record import Record
from gnlab.runs.run import Run
from gnlab.runs.settings import Settings

_log = logging.getLogger(__name__)


class Seat:
    """One run in an engine.

    Args:
        settings: The run's settings; the run itself is set by ``take_seat`` once it is loaded.
        load: Called with settings when another start is wanted; answers later with ``take_seat``
            or ``refuse``.

    Attributes:
        inbox: Commands not read yet.
        run: The run, None until it is loaded.
        changed: Whether something happened that a person should see at once.
        published: When the last snapshot was made.
        step_seconds: How long the last step took.
    """

    def __init__(self, settings: Settings, load: Callable[[Settings], None]) -> None:
        self.inbox = Inbox()
        self.run: Run | None = None
        self.changed = True
        self.published, self.step_seconds = -math.inf, 0.0
        self._finished: list[tuple[Record, Settings]] = []
        self._settings, self._load = settings, load
        self._start, self._turns, self._growth = Start(settings), Turns(), Growth()
        self._applied, self._version, self._failed = 0, 0, False
        self._looked, self._asked, self._notice, self._rate = Looked(), Asked(), Notice(), Rate()

    def want(self, settings: Settings) -> None:
        """Ask for a new start with other settings; the present run waits until it is there.

        Args:
            settings: The settings.
        """
        self._start.begin(settings)
        self._failed = False
        self.tell(loading(settings), "info")
        self._load(settings)

    def take_seat(self, run: Run) -> None:
        """Take over a run that was loaded.

        Args:
            run: The run.
        """
        if too_large := refusal(run.levels, run.settings.partition):
            run.change(partition=finest(run.levels).name)
        held = self._start.end(run.settings)
        self.run, self._failed, self._settings = run, False, run.settings
        self._rate.restart(run.step_count)
        self._asked, self._growth = Asked(self._asked.every), Growth()
        self.tell(too_large, "warning" if too_large else "info")
        for command in held:
            self._apply(command)

    def refuse(self, reason: str) -> None:
        """Say that a run could not be loaded; the one that was there goes on.

        Args:
            reason: Why.
        """
        self._failed = self.run is None
        if self._failed:
            self._settings = self._start.settings  # what is changed next is what was asked last
        self._start.end(self._settings)
        self.tell(reason, "error")

    def read(self, until: float = math.inf) -> None:
        """Read and carry out the commands that wait.

        Args:
            until: The number of the last command to read.
        """
        self.changed |= self._looked.arrived(self.tell)
        commands, self._applied = self.inbox.take(until)
        if not commands:
            return
        self.changed = True
        if not (self._start.under_way or self._failed or looks_only(commands)):
            self.tell("", "info")  # once: what one is refused for is still told after the next
        for command in commands:
            self._apply(command)

    def due(self, now: float) -> bool:
        """Whether it is this run's turn to step.

        Args:
            now: The time, in seconds of ``time.monotonic``.

        Returns:
            Whether it is.
        """
        return self._ready and (self._asked.under_way or self._turns.due(now))

    def wait(self, now: float) -> float:
        """How long nothing needs to be done, unless a command comes.

        Args:
            now: The time.

        Returns:
            Seconds, infinity while paused.
        """
        if not self._ready:
            return math.inf
        return 0.0 if self._asked.under_way else min(self._turns.wait(now), self._looked.wait)

    def advance(self) -> None:
        """Make one step, or try one level of the what-if curve."""
        assert self.run is not None
        begun = time.monotonic()
        if self._asked.under_way:
            self._try(self._asked.advance)
            self.changed = True
            return
        self._make(self.run.step)
        self._turns.made(begun)
        self._asked.follow(self.run)
        self.changed |= not self.playing
        self.step_seconds = (now := time.monotonic()) - begun
        self._rate.count(self.run.step_count, now)

    def take_finished(self) -> list[tuple[Record, Settings]]:
        """The steps finished since this was last asked, with the settings they were made with."""
        taken, self._finished = self._finished, []
        return taken

    def halt(self, reason: str) -> None:
        """Pause and say why.

        Args:
            reason: What happened and what to do.
        """
        self._turns.halt()
        self._asked.stop()
        self.tell(reason, "error")

    def snapshot(self, folder: str = "") -> Snapshot:
        """The run at this moment.

        Args:
            folder: Where the run records itself.

        Returns:
            The snapshot, its version one above the last's.
        """
        self._version += 1
        self.changed, self.published = False, time.monotonic()
        shown = dataclasses.replace(
            opening(self._settings),
            version=self._version,
            state="stopped" if self._failed else "playing" if self.playing else "paused",
            message=self._notice.text,
            severity=self._notice.severity,
            applied=self._applied,
            time=self.published,
            steps_per_second=self._rate.value(self.published) if self.playing else 0.0,
            what_if=self._asked.what_if,
            folder=folder,
        )
        return shown if self.run is None else seen(self.run, self._looked, shown)

    @property
    def target(self) -> Settings:
        """The settings being loaded, or the present ones."""
        return self._start.settings

    @property
    def playing(self) -> bool:
        """Whether steps are still to be made."""
        return self._turns.playing

    @property
    def _ready(self) -> bool:
        return self.run is not None and not self._start.under_way

    def _apply(self, command: Command) -> None:
        """Carry out one command; what depends on the run when that is loaded."""
        # Where there is no run, and none to come, any change asks for a new start.
        absent = self.run is None and not self._start.under_way
        if isinstance(command, Change) and (absent or self.target.begins(command.values)):
            self._try(lambda: self.want(self.target.changed(**command.values)))
        elif self._looked.take(command) or self._start.hold(command):
            return
        elif self._failed and not isinstance(command, (Pace, Pause)):
            return  # without a run no steps are collected, for whichever comes next to make
        elif self._turns.take(command):
            if isinstance(command, Play):
                self._rate.restart(0 if self.run is None else self.run.step_count)
        elif self.run is not None and not isinstance(command, Branch):  # the loop opens the copy
            self._apply_to(self.run, command)

    def _apply_to(self, run: Run, command: Command) -> None:
        """Carry out a command that the run itself understands."""
        if isinstance(command, TryLevels):
            self._try(lambda: self._asked.take(run, command))
            return
        self._asked.stop()
        if isinstance(command, Change):
            if too_large := refusal(run.levels, command.values.get("partition")):
                self.tell(too_large, "warning")
                return
            self._try(lambda: run.change(**command.values))
        else:
            self._turns.halt()
        if isinstance(command, Rewind):
            self._try(lambda: run.rewind(command.step))
        elif isinstance(command, Reset):
            self._try(run.reset)
        elif isinstance(command, Substep):
            self._make(run.substep)
        self._asked.go_back(run.step_count)
        self._settings = self._start.settings = run.settings

    def _try(self, action: Callable[[], None]) -> None:
        """Do what a person asked; if it cannot be done, say so and go on."""
        try:
            action()
        except InputError as error:
            self._asked.stop()
            self.tell(str(error), "error")
        except FAULTS as error:
            _log.exception("a command could not be carried out")
            self.halt(f"This could not be done: {describe(error)}")

    def _make(self, action: Callable[[], object]) -> None:
        """Make a step or a phase of one; a failure pauses this run and no other."""
        assert self.run is not None
        run, before = self.run, self.run.step_count
        try:
            action()
        except InputError as error:
            self.halt(str(error))
            return
        except FAULTS as error:
            # A fault of a model or of gnlab: the run is at its last good step, others go on.
            _log.exception("a step of %s failed", run.settings.preset)
            self.halt(f"Step {before + 1} failed: {describe(error)}")
            return
        if run.stopped:
            self.halt(run.stopped)
        if run.step_count == before + 1 and run.record is not None:
            self._finished.append((run.record, run.settings))
            grown = self._growth.told(run.step_count, run.record.loss, run.settings.optimizer)
            if grown:
                self.halt(grown)
            elif run.record.status and not run.stopped:
                self.changed |= self._notice.tell_of_step(run.warning)

    def tell(self, message: str, severity: str) -> None:
        """Have something told to the person.

        Args:
            message: One or two lines; "" to take back what was told.
            severity: "info", "warning" or "error".
        """
        self._notice.tell(message, severity)
        self.changed = True
