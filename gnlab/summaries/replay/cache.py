"""The programs that are kept, and when a computation becomes one."""

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from gnlab.guards.allocation import giving_back
from gnlab.summaries.jets.curvature import Origin
from gnlab.summaries.replay.early import Latest, Occasion
from gnlab.summaries.replay.graph import Repetition
from gnlab.summaries.replay.key import Collected, Key, UnknownError
from gnlab.summaries.replay.making import PIECES, Making
from gnlab.summaries.replay.recorder import Recorder
from gnlab.summaries.replay.room import LARGE, largest, room
from gnlab.summaries.replay.steps import DrawnError, NotRepeatableError
from gnlab.summaries.replay.suspended import eager, is_eager

_log = logging.getLogger(__name__)

# To record takes as long as a dozen repetitions save: what comes a few times, as when a person
# drags a slider over all partitions, is not worth it.
SIGHTS = 11
"""At which sight a computation is ready to be repeated."""
_DRAWN = 3  # times that random numbers may be drawn meanwhile before it is the computation's doing
_MOST = 32  # computations that are remembered
_MADE = 4  # times as much as its jets, about, is what a computation makes altogether

Result = TypeVar("Result")
Origins = tuple[Origin, ...]
Told = tuple[Sequence[Tensor], Origins]
"""A result as tensors, and where H̄'s parts among them come from."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What repeats a computation.

    Attributes:
        program: The program.
        origins: Where H̄'s parts come from.
    """

    program: Repetition
    origins: Origins


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Entry:
    """What is known of a computation.

    Attributes:
        device: Where it is.
        kept: What repeats it, once there is such.
        making: What is about to repeat it.
        sights: How often it was met.
        refused: Whether it cannot be repeated.
        large: Whether its jets take more than ``LARGE``.
        holds: Whether what it makes is to be held while it is recorded.
        drawn: How often random numbers were drawn while it was recorded.
        busy: Held while the program runs, whose memory one thread can use at a time.
    """

    device: torch.device
    kept: _Kept | None = None
    making: Making | None = None
    sights: int = 0
    refused: bool = False
    large: bool = False
    holds: bool = True
    drawn: int = 0
    busy: threading.Lock = field(default_factory=threading.Lock)

    @property
    def program(self) -> Repetition | None:
        """What repeats it, if there is such."""
        return None if self.kept is None else self.kept.program


_known: OrderedDict[Key, _Entry] = OrderedDict()
_lock = threading.Lock()
_latest: Latest[_Entry] = Latest()


class Sight:
    """One more time that a computation is met.

    Args:
        entry: What is known of it.
        inputs: The tensors that it reads.
        whole: Whether it is all of a summary, which can be begun early.
    """

    def __init__(self, entry: _Entry, inputs: Sequence[Tensor], whole: bool) -> None:
        self._entry, self._inputs, self._whole = entry, inputs, whole
        self._begun = _latest.take(entry, inputs) if whole else None

    @property
    def refused(self) -> bool:
        """Whether the computation is never repeated."""
        return self._entry.refused

    def refuse_beyond_memory(self, is_beyond: Callable[[float], bool]) -> None:
        """Never repeat the computation if what it makes is too large to be recorded.

        Args:
            is_beyond: Whether that is more than so many bytes.
        """
        self._entry.refused |= is_beyond(largest(self._entry.device))
        self._entry.large = is_beyond(LARGE)
        self._entry.holds = not is_beyond(LARGE / _MADE)

    def answer(
        self,
        compute: Callable[[], Result],
        told: Callable[[Result], Told],
        made: Callable[[Sequence[Tensor], Origins], Result],
    ) -> Result | None:
        """The result by repetition, or computed while a piece of the program is made.

        Args:
            compute: The computation.
            told: What its result is in tensors.
            made: A result from such tensors.

        Returns:
            The result; None if the computation is to be done as usual.
        """
        entry, begun = self._entry, self._begun
        if begun is None and (entry.refused or not entry.busy.acquire(blocking=False)):
            return None
        try:
            kept = entry.kept  # another thread may let go of it
            if kept is not None:
                try:
                    return made(self._repeated(kept.program), kept.origins)
                except torch.OutOfMemoryError:
                    raise
                except (RuntimeError, IndexError) as error:  # the model's own says more
                    _log.debug("not repeated: %s", error)
                    return None
            entry.sights += 1
            if entry.sights < SIGHTS - 1 - PIECES:
                return None
            making, entry.making = entry.making, None  # what Ctrl-C breaks off is begun anew
            with eager():
                if making is None:
                    with self._sparing():
                        return self._recorded(compute, told)
                return self._furthered(making, compute, told)
        finally:
            entry.busy.release()

    def _sparing(self) -> contextlib.AbstractContextManager[None]:
        """A context in which what is large gives back what is free, and leaves no holes anew."""
        large = self._entry.large
        return giving_back(self._entry.device) if large else contextlib.nullcontext()

    def _repeated(self, program: Repetition) -> list[Tensor]:
        """What comes out of a program."""
        if self._begun is None:
            program.begin(self._inputs)
            if self._whole and program.is_beside:
                _latest.remember(self._entry, self._inputs)
        return program.finish()

    def _recorded(
        self, compute: Callable[[], Result], told: Callable[[Result], Told]
    ) -> Result | None:
        """Compute, and record what is done; None where that is not possible."""
        recorder = Recorder(self._inputs, holds=self._entry.holds)
        try:
            with recorder:
                result = compute()
            outputs, _ = told(result)
            making = Making(recorder, outputs)
        except (NotRepeatableError, RuntimeError) as error:
            if not isinstance(error, NotRepeatableError) and "memory" not in str(error):
                raise
            self._refuse(error)
            return None
        if self._usable(outputs):
            self._entry.making = making
        return result

    def _furthered(
        self, making: Making, compute: Callable[[], Result], told: Callable[[Result], Told]
    ) -> Result:
        """Compute, and do the next piece of the program; at the last sight all that is left."""
        entry, result = self._entry, compute()
        try:
            outputs, origins = told(result)
            if not self._usable(outputs):
                return result
            with self._sparing():
                if entry.sights < SIGHTS:
                    making.further()
                    entry.making = making
                else:
                    program = making.tried(self._inputs, outputs)
                    entry.kept, entry.sights = _Kept(program, origins), 0
        except (NotRepeatableError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            self._refuse(error)
        if entry.kept is not None:
            with _lock:
                _make_room(entry)
        return result

    def _usable(self, outputs: Sequence[Tensor]) -> bool:
        """Whether a repetition can be held against a result; if not, the next are counted anew."""
        if all(bool(output.isfinite().all()) for output in outputs):
            return True
        self._entry.making, self._entry.sights = None, 0
        return False

    def _refuse(self, error: Exception) -> None:
        """Never try again, unless another thread may be what was in the way."""
        _log.debug("not repeated: %s", error)
        entry = self._entry
        entry.drawn += isinstance(error, DrawnError)
        entry.refused = not isinstance(error, DrawnError) or entry.drawn >= _DRAWN
        entry.making, entry.sights = None, 0


def begun_early(occasion: Occasion) -> contextlib.AbstractContextManager[None]:
    """A context in which what was repeated last has been begun, if it may be meant again.

    Args:
        occasion: What can be told of what is to be computed.

    Returns:
        The context.
    """
    return contextlib.nullcontext() if is_eager() else _latest.at(occasion)


def sighted(
    collect: Callable[[], Collected], device: torch.device, *, whole: bool = False
) -> Sight | None:
    """Meet a computation.

    Args:
        collect: Tells what it depends on.
        device: Where it is.
        whole: Whether it is all of a summary, which can be begun early.

    Returns:
        The sight; None if nothing is repeated now, or this computation never.
    """
    if is_eager():
        return None
    try:
        collected = collect()
        return Sight(_entry_of(collected.key, device), collected.inputs, whole)
    except (UnknownError, TypeError) as error:  # TypeError: an argument that has no hash
        _log.debug("never repeated: %s", error)
        return None


def _entry_of(key: Key, device: torch.device) -> _Entry:
    """What is known of a computation, for the first time or again."""
    with _lock:
        entry = _known.get(key)
        if entry is None:
            entry = _known[key] = _Entry(device)
            if len(_known) > _MOST:
                _known.popitem(last=False)
        _known.move_to_end(key)
    return entry


def _make_room(newest: _Entry) -> None:
    """Let go of the programs that were used longest ago, until the others fit."""
    most, taken = room(newest.device), 0
    for entry in reversed(_known.values()):
        if entry.kept is not None and entry.device == newest.device:
            taken += (size := entry.kept.program.size)
            if taken > most:
                entry.kept, entry.sights = None, 0
                entry.refused |= size > most  # it never fits


def kept() -> int:
    """How many programs are kept."""
    with _lock:
        return sum(entry.kept is not None for entry in _known.values())


def forget() -> None:
    """Let go of every program."""
    with _lock:
        _known.clear()
