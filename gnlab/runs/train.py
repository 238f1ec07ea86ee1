"""Training without a page: steps until a goal, interruptible and resumable."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from gnlab.errors import InputError, as_path, check_number
from gnlab.runs.disk.lock import alone_in
from gnlab.runs.disk.saved import read
from gnlab.runs.records.record import Record
from gnlab.runs.run import Run

CHECKPOINT = "checkpoint.pt"


def train(
    run: Run,
    *,
    steps: int | None = None,
    epochs: float | None = None,
    progress: Callable[[Record], None] | None = None,
    out: str | Path | None = None,
) -> str:
    """Make steps until a run has that many in all, or until it cannot go on.

    Counting is in all, not from now on: a run that was interrupted at step 70 and loaded again
    makes 30 more for ``steps=100``.

    Args:
        run: The run.
        steps: Finished steps to reach; give this or ``epochs``.
        epochs: Passes through the training data to reach.
        progress: Called with each finished step's record.
        out: A folder to which the record and, at the end, on a failure and on Ctrl-C, a
            checkpoint is written; ``resume`` goes on from it. Nobody else trains in it meanwhile.

    Returns:
        Why the run stopped before its goal, "" if it reached it.

    Raises:
        InputError: If it is no run, not exactly one goal is given, ``out`` cannot be written, or
            another training is in it.
        KeyboardInterrupt: On Ctrl-C, after the checkpoint was written.
    """
    if not isinstance(run, Run):
        raise InputError(f"train takes a gnlab Run, as Run('moons'); got {run!r}.")
    if progress is not None and not callable(progress):
        raise InputError(f"progress must be a function of a step's record; got {progress!r}.")
    if (steps is None) == (epochs is None):
        got = "neither" if steps is None else f"steps={steps!r} and epochs={epochs!r}"
        raise InputError(f"train takes one goal, steps=... or epochs=...; got {got}.")
    if steps is not None:
        check_number("steps", steps, low=0, integer=True)
    if epochs is not None:
        check_number("epochs", epochs, low=0)
    folder = None if out is None else as_path("out", out)
    with nullcontext() if folder is None else alone_in(folder):
        if folder is not None:
            run.record_to(folder, at_once=True)
        try:
            _advance(run, lambda: _reached(run, steps, epochs), progress)
        finally:
            try:
                run.flush()
            finally:  # what could not be recorded is not lost: the run goes on from its checkpoint
                if folder is not None:
                    _save(run, folder / CHECKPOINT)
    return run.stopped


def resume(out: str | Path) -> Run:
    """Load the run that ``train`` left in a folder; there ``train`` continues its record.

    Args:
        out: The folder.

    Returns:
        The run.

    Raises:
        InputError: If there is none, or another training is in the folder.
    """
    folder = as_path("out", out)
    with alone_in(folder):  # what is being trained has another checkpoint soon
        return Run.load(folder / CHECKPOINT)


def _save(run: Run, path: Path) -> None:
    """Write a checkpoint; where that fails, say which one is there still."""
    try:
        run.save(path)
    except InputError as error:
        try:
            step = read(path).state.step
        except InputError:  # there is none
            raise error from None
        raise InputError(
            f"{error} The checkpoint that is there stands at step {step}; a run can go on from it."
        ) from error


def _advance(
    run: Run, reached: Callable[[], bool], progress: Callable[[Record], None] | None
) -> None:
    """Make steps until a goal is reached or the run has stopped."""
    while not reached():
        record = run.step()
        if progress is not None and not run.undone:
            progress(record)
        if run.stopped:
            break


def _reached(run: Run, steps: int | None, epochs: float | None) -> bool:
    """Whether the goal is reached."""
    if steps is not None:
        return run.step_count >= steps
    return epochs is not None and run.epoch >= epochs - 1e-9
