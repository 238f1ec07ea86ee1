"""Saved runs: one file that a run resumes from, bit for bit.

The file holds plain values and tensors only, and is read as such: opening a file from a stranger
runs none of its code.
"""

import contextlib
import dataclasses
import errno
import os
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnlab.errors import InputError
from gnlab.runs.checkpoints import Checkpoint
from gnlab.runs.disk.intact import fault
from gnlab.runs.flat import Flat
from gnlab.runs.records.history import HistoryLog
from gnlab.runs.records.record import Record
from gnlab.runs.settings import Settings

FORMAT = 1
DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError,
    RuntimeError, TypeError, ValueError, pickle.UnpicklingError, struct.error,
)  # fmt: skip
"""What reading bits that have flipped ends in."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a file holds.

    Attributes:
        state: The state from which the run resumes, without the model's values when read.
        model: The parameters and buffers.
        start: The parameters and buffers at step 0.
        begun: The settings at step 0, to which a run that is rewound goes back.
        log: The history's log.
    """

    state: Checkpoint
    model: dict[str, Tensor]
    start: dict[str, Tensor]
    begun: Settings
    log: HistoryLog

    def check_fit(self, model: dict[str, Tensor], path: Path) -> None:
        """Raise unless the saved parameters are a model's.

        Args:
            model: The model's parameters and buffers.
            path: The file, for the message.

        Raises:
            InputError: If one is missing on either side or of another shape.
        """
        for saved in (self.model, self.start):
            for name in (*model, *saved):
                wanted, got = (
                    list(values[name].shape) if name in values else "nothing"
                    for values in (model, saved)
                )
                if wanted != got:
                    raise InputError(
                        f"{str(path)!r} does not fit the model: {name!r} is {wanted}, saved is "
                        f"{got}. Give the problem with the model that was saved."
                    )


def write(saved: Saved, path: Path) -> None:
    """Write a run to a file; the file is whole or not there.

    Args:
        saved: The run's state.
        path: The file.

    Raises:
        InputError: If it cannot be written.
    """
    state = saved.state
    content = {
        "gnlab": FORMAT,
        "settings": state.settings.to_json(),
        "trained": list(state.trained),
        "frozen": list(state.frozen),
        "step": state.step,
        "drawn": state.drawn,
        "model": _own(saved.model),
        "optimizer": state.optimizer,
        "start": _own(saved.start),
        "begun": saved.begun.to_json(),
        "record": _plain(state.record),
        "summary": _plain(state.summary),
        "log": saved.log.to_plain(),
    }
    if not path.name or (path.exists() and not path.is_file()):
        raise InputError(f"a run is saved to a file; got {str(path)!r}.")
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            torch.save(content, file)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)  # it would take the room that there is too little of
        raise InputError(
            f"the run cannot be written to {str(path)!r}: {_reason(error)}; "
            "free room there, or give another folder."
        ) from error


def _reason(error: BaseException | None) -> str:
    """Why a file could not be written, in the system's words; torch hides them behind its own."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        last, error = error, error.__cause__ or error.__context__
    return str(last).splitlines()[0]


def read(path: Path) -> Saved:
    """Read a run from a file.

    Args:
        path: The file.

    Returns:
        The run's state, on the CPU.

    Raises:
        InputError: If the file cannot be read, is damaged or is not a run's.
    """
    content = _content(path)
    if wrong := fault(content):
        raise damaged(path, wrong)
    try:
        return _saved(content)
    except InputError as error:  # of the settings
        raise damaged(path, str(error)) from error
    except (KeyError, TypeError, AttributeError) as error:  # a field more or less than here
        raise _of_another_version(path) from error
    except DAMAGE as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, what: str) -> InputError:
    """The error for a file that is a run's, but not whole.

    Args:
        path: The file.
        what: What is wrong with it.

    Returns:
        The error to raise.
    """
    line = " ".join(what.split()).rstrip(".")
    return InputError(
        f"{str(path)!r} is damaged ({line}); give a copy, or another file that "
        "Run.save has written."
    )


def _saved(content: dict[str, Any]) -> Saved:
    """The run's state of a file's content."""
    state = Checkpoint(
        step=content["step"],
        drawn=content["drawn"],
        settings=Settings(**content["settings"]),
        flat=Flat({}),
        trained=tuple(content["trained"]),
        frozen=tuple(content["frozen"]),
        optimizer=content["optimizer"],
        record=_record(content["record"]),
        summary=_record(content["summary"]),
        size=0,
    )
    begun, log = Settings(**content["begun"]), HistoryLog.of(content["log"])
    return Saved(state, content["model"], content["start"], begun, log)


def _of_another_version(path: Path) -> InputError:
    return InputError(
        f"{str(path)!r} is not a run saved by this version of gnlab; load it with the one that "
        "wrote it, or give a file that Run.save has written."
    )


def _content(path: Path) -> dict[str, Any]:
    """The file's content, if it is a run's."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, *DAMAGE) as error:
        # torch looks for the parts of a file that is cut off before its beginning.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise InputError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
        raise InputError(
            f"{str(path)!r} is damaged or not a saved run; give a file that Run.save has written."
        ) from error
    if not isinstance(content, dict) or content.get("gnlab") != FORMAT:
        raise _of_another_version(path)
    return content


def _own(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The values without the memory they are views into, which would be written with each."""
    return {name: value.clone() for name, value in values.items()}


def _plain(record: Record | None) -> dict[str, Any] | None:
    """A record as plain values and tensors."""
    if record is None:
        return None
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {
        name: torch.tensor(value, device="cpu") if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }


def _record(values: dict[str, Any] | None) -> Record | None:
    """The record of plain values."""
    if values is None:
        return None
    fields: dict[str, Any] = {
        name: value.numpy() if isinstance(value, Tensor) else value
        for name, value in values.items()
    }
    return Record(**fields)
