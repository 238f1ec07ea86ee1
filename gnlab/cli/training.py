"""``gnlab train``: a run without a page, with a progress bar, recorded as it goes.

The folder of a run holds ``run.zarr``, the record that xarray opens, and ``run.pt``, the state
from which the run goes on. A folder that holds a state is gone on with, never written over.
"""

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from gnlab.cli.output import complain, write
from gnlab.errors import InputError, check_number
from gnlab.runs.run import Run
from gnlab.runs.settings import Settings

STATE = "run.pt"
SAVE_EVERY = 60.0
"""Seconds of training after which the state is saved, so that a crash costs at most these."""


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
        folder: Where to write; None for a new folder in ``runs``.

    Returns:
        The exit code: 0, or 1 if the run could not go on.

    Raises:
        InputError: If a choice is not valid, the folder holds another run or cannot be written.
    """
    settings = Settings(preset=preset).changed(**choices)
    length = check_number("--epochs", 1.0 if epochs is None else epochs, low=0, open_low=True)
    if steps is not None:
        check_number("--steps", steps, low=1, integer=True)
    target = Path(folder) if folder else _new_folder(settings)
    run = _opened(target / STATE, settings, choices)
    per_epoch = max(1, len(run.problem.train) // run.settings.batch_size)
    goal = steps or math.ceil(length * per_epoch)
    if run.step_count >= goal:
        write(f"{target} is at step {run.step_count} already; ask for more --steps or --epochs.")
        return 0
    run.save(target / STATE)  # a folder that cannot be written is an error now, not after an hour
    with _interruption() as interrupted:
        _advance(run, goal, target, interrupted)
    run.save(target / STATE)
    if run.stopped:
        complain(run.stopped)
    write(_told(run, target))
    return 1 if run.stopped else 0


def _advance(run: Run, goal: int, target: Path, interrupted: Callable[[], bool]) -> None:
    """Step until the goal, saving the state from time to time."""
    saved = time.monotonic()
    accuracy = math.nan
    with tqdm(
        total=goal, initial=run.step_count, desc=run.settings.preset, unit="step"
    ) as progress:
        while run.step_count < goal and not interrupted():
            record = run.step()
            if run.stopped:
                return
            if not math.isnan(record.accuracy):
                accuracy = record.accuracy
            progress.set_postfix(
                loss=f"{record.loss:.4g}", accuracy=f"{accuracy:.3f}", refresh=False
            )
            progress.update()
            if time.monotonic() - saved > SAVE_EVERY:
                run.save(target / STATE)
                saved = time.monotonic()


def _opened(state: Path, settings: Settings, choices: Mapping[str, Any]) -> Run:
    """The folder's run, if it is the one asked for, else a new one."""
    if not state.exists():
        return Run(settings)
    run = Run.load(state)
    for name, value in {"preset": settings.preset, **choices}.items():
        held = getattr(run.settings, name)
        if held != value:
            raise InputError(
                f"{str(state.parent)!r} holds a run with {name} {held!r}, not {value!r}; "
                "choose another --out."
            )
    write(f"going on at step {run.step_count} of {state.parent}")
    return run


def _new_folder(settings: Settings) -> Path:
    """A folder that no run has yet."""
    moment = datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{settings.preset}-{settings.optimizer}-{moment}"


def _told(run: Run, target: Path) -> str:
    """Where the run is, in one line."""
    record = run.record
    reached = "" if record is None else f", loss {record.loss:.4g}"
    return f"step {run.step_count}, epoch {run.epoch:.2f}{reached}; record in {target}"


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and a polite kill into a question that is asked between two steps."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
