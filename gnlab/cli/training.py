"""``gnlab train``: a run without a page, with a progress bar, recorded as it goes.

The folder of a run holds ``run.zarr``, the record that xarray opens, and a checkpoint, from which
the run goes on. A folder that holds a checkpoint is gone on with, never written over.
"""

import logging
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from gnlab import runs
from gnlab.cli.output import complain, write
from gnlab.errors import InputError, check_number
from gnlab.runs.disk.lock import alone_in
from gnlab.runs.disk.recording import default_folder, new_folder
from gnlab.runs.train import CHECKPOINT

_log = logging.getLogger(__name__)

SAVE_EVERY = 60.0
"""Seconds of training after which a checkpoint is written, so that a crash costs at most these."""
MOST = 1e9
"""Steps or epochs that may be asked for: no run gets there, and a slip of the finger is told."""


def train(
    preset: str,
    choices: Mapping[str, Any],
    steps: int | None = None,
    epochs: float | None = None,
    folder: str | None = None,
) -> int:
    """Train until a step or an epoch, an interruption, or a step that cannot be made.

    Args:
        preset: The problem's name.
        choices: Settings by name; what is left out is the preset's recommendation.
        steps: The step to reach, or None.
        epochs: The epoch to reach, or None; 1 if both are None.
        folder: Where to write; None for a new folder where runs record themselves.

    Returns:
        The exit code: 0, or 1 if the run could not go on or was not recorded to its end.

    Raises:
        InputError: If a choice is not valid, the folder holds another run or cannot be written,
            or another training is in it.
    """
    settings = runs.Settings(preset=preset).changed(**choices)
    if steps is not None:
        check_number("--steps", steps, low=1, high=MOST, integer=True)
    if epochs is not None:
        check_number("--epochs", epochs, low=0, high=MOST, open_low=True)
    if folder == "":
        raise InputError("--out must name a folder; got ''.")
    target = Path(folder) if folder else new_folder(default_folder(), settings)
    with alone_in(target):  # from before its checkpoint is read
        return _train(_opened(target, settings, choices), target, steps, epochs)


def _train(run: runs.Run, target: Path, steps: int | None, epochs: float | None) -> int:
    """Train a run to its goal in its folder; the exit code."""
    goal = steps or _steps(run, epochs or 1.0)
    if run.step_count >= goal:
        write(f"{target} is at step {run.step_count} already; ask for more --steps or --epochs.")
        return 0
    run.save(target / CHECKPOINT)  # what cannot be written is an error now, not in an hour
    stopped = _advance(run, goal, target)
    if stopped:
        complain(f"{stopped} Here: with another --out." if run.undone else stopped)
    reached = "" if run.record is None else f", loss {run.record.loss:.4g}"
    where = "recorded in" if not run.unrecorded else "not recorded to its end; its checkpoint is in"
    write(f"step {run.step_count}, epoch {run.epoch:.2f}{reached}; {where} {target}")
    return 1 if stopped or run.unrecorded else 0


def _advance(run: runs.Run, goal: int, target: Path) -> str:
    """Make steps, showing them; why the run stopped, "" if it reached its goal or was asked to."""
    saved, accuracy = time.monotonic(), math.nan
    with (
        _interruption() as interrupted,
        tqdm(total=goal, initial=run.step_count, desc=run.settings.preset, unit="step") as bar,
        _warnings_above_the_bar(),
    ):

        def show(record: runs.Record) -> None:
            nonlocal saved, accuracy
            accuracy = accuracy if math.isnan(record.accuracy) else record.accuracy
            measured = {} if math.isnan(accuracy) else {"accuracy": f"{accuracy:.3f}"}
            bar.set_postfix(loss=f"{record.loss:.4g}", **measured, refresh=False)
            bar.update()
            if interrupted():
                raise KeyboardInterrupt
            if time.monotonic() - saved > SAVE_EVERY:
                _save_or_warn(run, target)
                saved = time.monotonic()

        try:
            return runs.train(run, steps=goal, progress=show, out=target)
        except KeyboardInterrupt:
            return ""
        except InputError as error:
            if str(error) != run.unrecorded:
                raise
            return str(error)  # the last steps could not be written down; the run is saved


def _save_or_warn(run: runs.Run, target: Path) -> None:
    """Write a checkpoint on the way; room for it may be there again later on."""
    try:
        run.save(target / CHECKPOINT)
    except InputError as error:
        _log.warning("%s The run goes on.", error)


def _steps(run: runs.Run, epochs: float) -> int:
    """How many steps these epochs are, the last one finished."""
    return math.ceil(epochs * max(1, len(run.problem.train) // run.settings.batch_size))


def _opened(target: Path, settings: runs.Settings, choices: Mapping[str, Any]) -> runs.Run:
    """The folder's run, if it is the one asked for, else a new one."""
    try:
        there = (target / CHECKPOINT).exists()
    except OSError as error:
        raise InputError(
            f"the folder {str(target)!r} cannot be looked into: {error.strerror}; "
            "choose another --out."
        ) from error
    if not there:
        return runs.Run(settings)
    run = runs.resume(target)
    for name, value in {"preset": settings.preset, **choices}.items():
        held = getattr(run.settings, name)
        if held != value:
            raise InputError(
                f"{str(target)!r} holds a run with {name} {held!r}, not {value!r}; "
                "choose another --out."
            )
    write(f"going on at step {run.step_count} of {target}")
    return run


class _AboveTheBar(logging.Handler):
    """Shows what is logged without breaking a progress bar's line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one message.

        Args:
            record: The message.
        """
        tqdm.write(f"gnlab: {record.getMessage()}", file=sys.stderr)


@contextmanager
def _warnings_above_the_bar() -> Iterator[None]:
    """Show what gnlab warns of as lines of their own."""
    log, handler = logging.getLogger("gnlab"), _AboveTheBar(logging.WARNING)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and a polite kill into a question that is asked between two steps.

    A second one, should a step take long, is heeded at once.
    """
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        restore()

    def restore() -> None:
        for number, handler in former.items():
            signal.signal(number, handler)

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        restore()
