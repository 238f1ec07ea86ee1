"""The course of a run: its steps, what is kept of them, and the way back.

Legend: θ parameters.
"""

import dataclasses

import torch
from torch import nn

from gnlab import partitions
from gnlab.errors import check_number
from gnlab.problems import Problem
from gnlab.runs.checkpoints import BUDGET, Checkpoint, Checkpoints, capture, cloned
from gnlab.runs.compose import compose
from gnlab.runs.failure import Failure, advice
from gnlab.runs.flat import Flat, flatten, put, versions
from gnlab.runs.ladder import Ladder, Level, own
from gnlab.runs.own_ladder import OwnLadder
from gnlab.runs.phases import Phases
from gnlab.runs.records.history import History, HistoryLog
from gnlab.runs.records.record import Record
from gnlab.runs.settings import Settings
from gnlab.runs.trained import put_flags
from gnlab.runs.trainer import Trainer
from gnlab.summaries import Summary


class Course:
    """Steps and the way back to them, of one problem.

    Args:
        problem: The problem; its model is trained in place.
        settings: The choices.

    Attributes:
        budget: Bytes that the kept states may take, see ``Checkpoints``.
        settings: The present settings.
        step_count: Finished steps.
        record: The latest step's record, or None.
        phase: The phase of the coming step that ``substep`` made last, "" for none.
        stopped: Why the run should not simply go on, and what to do; "" if it can.
        undone: Whether the last step was undone.
        warning: What a person should know of the last step; "" for nothing.

    Raises:
        InputError: If the settings do not fit the problem.
    """

    budget = BUDGET

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self._start(problem, settings)

    def _start(self, problem: Problem, settings: Settings) -> None:
        """Begin at step 0 of a problem."""
        trainer = Trainer(problem, settings)
        self._trainer, self.settings = trainer, settings
        self.step_count, self.phase = 0, ""
        self.record: Record | None = None
        self._summary: Record | None = None
        self._log = HistoryLog()
        self._own_ladder = OwnLadder(trainer)
        self._phases = Phases(trainer, flatten(self.model))
        self.stopped, self.warning, self.undone = "", "", False
        self._checkpoints = Checkpoints(self.budget)
        self._keep(self._phases.flat)

    @property
    def model(self) -> nn.Module:
        """The model being trained."""
        return self._trainer.model

    @property
    def problem(self) -> Problem:
        """The problem being trained on."""
        return self._trainer.problem

    @property
    def partition(self) -> partitions.Partition:
        """The present partition."""
        return self._trainer.partition

    @property
    def device(self) -> torch.device:
        """The device the run is on."""
        return self._trainer.device

    @property
    def epoch(self) -> float:
        """Passes through the training data."""
        return self._trainer.epoch

    @property
    def history(self) -> History:
        """The run up to the present step."""
        return self._log.history(until=self.step_count)

    @property
    def summary(self) -> Record | None:
        """The latest record that has a summary; within a step what its phases found so far."""
        if self.phase in {"summary", "solve"}:
            at, pending = self.step_count + 1, self._trainer.pending
            return compose(at, self._trainer, self._phases.outcome, pending)
        return self._summary

    @property
    def measured(self) -> Summary | None:
        """What ``summary`` was composed of, whole; None where the last step made none."""
        within = self.phase in {"summary", "solve"}
        info = self._trainer.pending if within else self._trainer.info
        gone = not within and self.record is not self._summary
        return None if gone or info is None else info.summary

    @property
    def kept_steps(self) -> tuple[int, ...]:
        """The steps that can be rewound to, ascending."""
        return self._checkpoints.steps

    def limit_kept(self, budget: int) -> None:
        """Let the kept states take less room, or more.

        Args:
            budget: Bytes that they may take.
        """
        self.budget = budget
        self._checkpoints.limit(budget)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels that the model distinguishes, coarse to fine."""
        return self.ladder.levels(self.settings.summary_batch_size, self.device)

    @property
    def level(self) -> Level:
        """The run's own level, on the ladder or beside it."""
        return own(self.settings.partition, self.partition.num_groups)

    @property
    def ladder(self) -> Ladder:
        """The levels and what each is made of."""
        return self._own_ladder.now()

    def step(self) -> Record:
        """Make one step, or complete the one that ``substep`` began.

        A step whose loss or parameters are not finite is undone: its record has the status
        "nonfinite", ``stopped`` says why, and the run is at its last good step.

        Returns:
            The step's record.

        Raises:
            InputError: If the model or its loss cannot be summarised; the step is undone.
        """
        self.stopped, self.warning, self.undone = "", "", False
        while True:
            record = self._phase()
            if record is not None:
                return record

    def substep(self) -> str:
        """Make the next phase of the step: gradient, summary, solve or update.

        Returns:
            The phase made; "update" has finished the step, and so has "" undone it.

        Raises:
            InputError: As for ``step``.
        """
        self.stopped, self.warning, self.undone = "", "", False
        record = self._phase()
        if record is None:
            return self.phase
        return "" if self.undone else "update"

    def rewind(self, step: int) -> None:
        """Go back to a kept step and its settings; later kept steps stay until a step is made.

        A parameter or a module that was frozen or unfrozen by hand since then is as it was.

        Args:
            step: One of ``kept_steps``.

        Raises:
            InputError: If the step is not kept.
        """
        check_number("step", step, low=0, integer=True)
        state = self._checkpoints.get(step)
        self._return_to(state)
        put_flags(self.model, state.trained)
        self._trainer.modes.freeze(state.frozen)

    def reset(self) -> None:
        """Go back to step 0 and forget what followed; the settings stay."""
        start = self._checkpoints.get(0)
        put(start.flat.named(self.model), self.model)
        rungs, frozen = self._own_ladder, self._trainer.modes.frozen
        self._start(self.problem, self.settings)
        self._trainer.modes.freeze(frozen)
        self._own_ladder = rungs.of(self._trainer)

    def _phase(self) -> Record | None:
        """Make the next phase; the record if the step is finished or was undone."""
        if not self.phase:
            self._trainer.check()
            if self._versions != versions(self.model):
                self._keep_edits()
        at, whole = self.step_count, False
        try:
            phase = self._trainer.after(self.phase)
            failure = self._phases.make(phase)
            record = self._undo(failure) if failure is not None else self._proceed(phase)
            whole = True
        finally:
            if not whole:  # Ctrl-C too leaves the run at its last whole step
                self._return_to(self._checkpoints.before(at + 1) or self._checkpoints.get(0))
        if record is not None and not self.undone:
            self._write(record)
        return record

    def _proceed(self, phase: str) -> Record | None:
        """Go on from a phase that was made; the record if it has finished the step."""
        self.phase = phase
        return self._finish() if phase == "update" else None

    def _finish(self) -> Record:
        """Record the finished step and keep its state."""
        trainer = self._trainer
        # What was kept of another way from here on is no longer this run's.
        self._checkpoints.drop_after(self.step_count)
        self._log.truncate(self.step_count)
        self.step_count += 1
        record = compose(self.step_count, trainer, self._phases.outcome, trainer.info)
        self.record, self.phase = record, ""
        if record.H is not None:
            self._summary = record
        self._log.append(record)
        self._keep(self._phases.flat)
        self.stopped, self.warning = advice(trainer.info)
        return record

    def _write(self, record: Record) -> None:
        """Take down a step that is finished and kept; a run does, a bare course does not."""

    def _undo(self, failure: Failure) -> Record:
        """Return to the last good state after a step that failed; its record."""
        at = self.step_count
        failed = compose(at + 1, self._trainer, self._phases.outcome, None)
        good = self._checkpoints.get(at)
        if failure is Failure.loss:
            # The loss is not finite at this very state: the one before is the last good one.
            good = self._checkpoints.before(at) or good
        settings = self.settings
        self._return_to(good)
        # The settings are a person's: a failed step does not undo them.
        self._take(settings)
        self.undone = True
        self.stopped = failure.message(at + 1, self.step_count, settings.optimizer)
        return dataclasses.replace(failed, status="nonfinite")

    def _abandon(self) -> None:
        """Undo the phases of a step that is not finished."""
        if self.phase:
            self._return_to(self._checkpoints.get(self.step_count))

    def _return_to(self, state: Checkpoint) -> None:
        """Take over a kept state."""
        put(state.flat.named(self.model), self.model)
        self._trainer.resume(state.settings, state.drawn, cloned(state.optimizer), state.trained)
        self.settings = state.settings
        self.step_count, self.record, self._summary = state.step, state.record, state.summary
        self.phase, self.stopped, self.warning = "", "", ""
        self._versions = versions(self.model)

    def _keep_edits(self) -> None:
        """Keep what a person has made of the model's values since the last whole step."""
        now, kept = flatten(self.model), self._checkpoints.get(self.step_count)
        # A model with other parameters is refused where it is gone on with.
        if not (self.phase or now.places != kept.flat.places or now.equals(kept.flat)):
            self._checkpoints.drop_after(self.step_count)  # it is another way on
            self._keep(now)

    def _keep(self, flat: Flat) -> None:
        """Keep the present state."""
        trainer = self._trainer
        self._versions = versions(self.model)
        shown = self.record, self._summary
        state = trainer.optimizer, self.step_count, trainer.drawn, self.settings, shown
        self._checkpoints.keep(capture(flat, *state, trainer.trained, trainer.modes.frozen))

    def _take(self, settings: Settings) -> None:
        """Go on from here with other settings."""
        self._trainer.change(settings)
        self.settings = settings
        # What was kept of the way on with the old settings is no longer this run's, and a
        # rewind to this step shall find it as it was left.
        self._checkpoints.drop_after(self.step_count)
        self._keep(flatten(self.model))
