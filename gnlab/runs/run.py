"""A run: a course that can be opened, changed, branched and saved.

A run is a pure function of its settings, so a rewound, branched or loaded run repeats bit for bit
on the same machine. It knows no user interface and no other run.
"""

import copy
import dataclasses
import logging
import time
import weakref
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gnlab import problems
from gnlab.errors import InputError, as_path
from gnlab.problems import Problem
from gnlab.runs.checkpoints import Checkpoint
from gnlab.runs.course import Course
from gnlab.runs.disk.intact import fault_of
from gnlab.runs.disk.lock import alone_in
from gnlab.runs.disk.recording import Recording
from gnlab.runs.disk.saved import Saved, damaged, read, write
from gnlab.runs.flat import copied, flatten, put, values_of
from gnlab.runs.own import for_problem
from gnlab.runs.records.record import Record
from gnlab.runs.settings import OWN, Settings
from gnlab.runs.trained import put_flags

_FLUSH_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Run(Course):
    """A training run of one problem.

    Args:
        preset: The problem's name, or settings; None: the handwritten digits, unless a problem of
            one's own is given.
        problem: A problem of one's own instead of a named one; its model is trained in place.
        record: A folder to record to, see ``record_to``; None not to record.
        **settings: Choices by name, see ``Settings``; what is left out is the preset's
            recommendation.

    Raises:
        InputError: If a choice is unknown or does not fit the problem.
    """

    def __init__(
        self,
        preset: str | Settings | None = None,
        *,
        problem: Problem | None = None,
        record: str | Path | None = None,
        **settings: Any,
    ) -> None:
        if problem is not None and not isinstance(problem, Problem):
            raise InputError(f"problem must be a gnlab Problem; got {type(problem).__name__}.")
        if problem is not None and preset is not None:
            raise InputError("give a preset or a problem of your own, not both.")
        if problem is not None:
            chosen = for_problem(problem, **settings)
        elif isinstance(preset, Settings):
            chosen = preset.changed(**settings)
        else:
            named = Settings() if preset is None else Settings(preset=preset)
            chosen = named.changed(**settings)
        self._recording: Recording | None = None
        super().__init__(problem or build(chosen), chosen)
        if record is not None:
            self.record_to(record)

    def record_to(self, folder: str | Path, *, at_once: bool = False) -> None:
        """Write each finished step down from now on, about once a second.

        If that cannot be done later on, a warning is logged, ``unrecorded`` says so, and the run
        goes on without.

        Args:
            folder: Where ``run.zarr`` is made, or continued in a new part; ``open_record`` reads
                it at any time.
            at_once: Whether to make it now, not with the first step that is written.

        Raises:
            InputError: If a training is in that folder, or it shall be made now and cannot.
        """
        self.flush()
        recording = Recording(as_path("record", folder))
        with alone_in(recording.folder):
            if at_once:
                recording.begin(self.settings)
        self._recording = recording
        # What the last second brought shall not be lost when the program ends.
        weakref.finalize(self, _flush_or_warn, self._recording)

    def flush(self) -> None:
        """Write down what was not written yet.

        Raises:
            InputError: If it cannot be written.
        """
        if self._recording is not None:
            self._recording.flush()

    @property
    def unrecorded(self) -> str:
        """Why the run records itself no longer, "" if it does or never did."""
        return "" if self._recording is None else self._recording.fault

    def branch(self) -> "Run":
        """A copy that goes its own way from here; the data are shared.

        Returns:
            The copy, after the last finished step; a step begun by ``substep`` is not in it.

        Raises:
            InputError: If the model's parameters are not like those that the run began with.
        """
        self._trainer.taken.check_places()
        self._keep_edits()
        problem = dataclasses.replace(self.problem, model=copied(self.model))
        other = Run.__new__(Run)
        other._recording, other.budget = None, self.budget
        other._start(problem, self.settings)
        other._trainer.modes.freeze(self._trainer.modes.frozen)
        other._checkpoints = self._checkpoints.copy()
        other._log = copy.deepcopy(self._log)
        other._own_ladder = self._own_ladder.of(other._trainer)
        other._return_to(self._checkpoints.get(self.step_count))
        return other

    def change(self, **choices: Any) -> None:
        """Change settings in the middle of the run; nothing is changed if one is not valid.

        The momentum is kept. A change of the preset, seed, device or dtype is a new start. What was
        frozen, unfrozen or replaced by hand since the last step or change is taken up too, by any
        change, also to the settings that there are: ``change(partition="tensor")``.

        Args:
            **choices: New values by name.

        Raises:
            InputError: If a name or value is not valid or does not fit the problem.
        """
        settings = self.settings.changed(**choices)
        if settings == self.settings and not self._trainer.stale:
            return
        if settings.start != self.settings.start:
            self._start(build(settings), settings)
            return
        self._abandon()
        self._take(settings)

    def save(self, path: str | Path) -> None:
        """Write the run to a file, from which it resumes bit for bit.

        Args:
            path: The file.

        Raises:
            InputError: If it cannot be written.
        """
        # From what is kept, not from the model: Ctrl-C may have come in the middle of a step.
        self._keep_edits()
        start = self._checkpoints.get(0)
        state = self._checkpoints.before(self.step_count + 1) or start
        state = dataclasses.replace(state, frozen=self._trainer.modes.frozen)
        now, then = (kept.flat.named(self.model) for kept in (state, start))
        write(Saved(state, now, then, start.settings, self._log), as_path("path", path))

    @classmethod
    def load(cls, path: str | Path, *, problem: Problem | None = None) -> "Run":
        """Read a run that ``save`` wrote.

        Args:
            path: The file.
            problem: The problem, if the run's was a person's own.

        Returns:
            The run, at the step at which it was saved.

        Raises:
            InputError: If the file cannot be read or is not a run's.
        """
        path = as_path("path", path)
        saved = read(path)
        begun, choices = (s.to_json() for s in (saved.begun, saved.state.settings))
        del choices["preset"]
        if problem is not None:
            for name in ("preset", "device", "dtype"):  # the last two are the model's own
                del begun[name]
            run = cls(problem=problem, **begun)
        elif saved.begun.preset.startswith(OWN):
            raise InputError(f"{str(path)!r} is a run of {begun['preset']!r}; give its problem=...")
        else:
            run = cls(saved.begun)
        saved.check_fit(dict(values_of(run.model)), path)
        run._resume(run._checkpoints.get(0), saved.start)
        settings = run.settings.changed(**choices)
        try:
            run._resume(dataclasses.replace(saved.state, settings=settings), saved.model)
        # Torch's own optimizers look at nothing before they take it.
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise damaged(path, f"optimizer: {error}") from error
        if run._trainer.grouped is None and (wrong := fault_of(run._trainer.optimizer)):
            raise damaged(path, wrong)
        run._log = saved.log
        return run

    def _write(self, record: Record) -> None:
        recording = self._recording
        if recording is None:
            return
        recording.add(record, self.settings)
        if recording.full or time.monotonic() - recording.since > _FLUSH_SECONDS:
            _flush_or_warn(recording)  # the step is made and kept, it cannot fail any more

    def _resume(self, state: Checkpoint, model: dict[str, Tensor]) -> None:
        """Go to a state whose model's values were read from a file."""
        put_flags(self.model, state.trained)
        self._trainer.modes.freeze(state.frozen)
        put(model, self.model)
        # Copied anew: then what is kept is on the run's device.
        self._return_to(dataclasses.replace(state, flat=flatten(self.model)))
        self._keep(flatten(self.model))


def build(settings: Settings) -> Problem:
    """The problem that settings name, freshly initialised.

    Args:
        settings: The settings.

    Returns:
        The problem.

    Raises:
        InputError: If it is not a named one, or its data or device cannot be used.
    """
    if settings.preset.startswith(OWN):
        raise InputError(
            f"{settings.preset!r} is a problem of one's own and has no other start than its model; "
            "make a new run with problem=..."
        )
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    device = automatic if settings.device == "auto" else settings.device
    dtype = {"float32": torch.float32, "float64": torch.float64}[settings.dtype]
    return problems.problem(settings.preset, seed=settings.seed, device=device, dtype=dtype)


def _flush_or_warn(recording: Recording) -> None:
    """Write down what waits, where nobody asked for it and nobody would catch an error."""
    try:
        recording.flush()
    except InputError as error:
        _log.warning("%s The run goes on without.", error)
