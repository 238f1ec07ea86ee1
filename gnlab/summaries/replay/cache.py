"""The programs that are kept, and when a pass becomes one."""

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from gnlab.summaries.chunks import most_at_once
from gnlab.summaries.curvature import Origin
from gnlab.summaries.forward import Carried, Way
from gnlab.summaries.replay.graph import Repetition, captured
from gnlab.summaries.replay.program import Program
from gnlab.summaries.replay.recorder import NotRepeatableError, Recorder
from gnlab.summaries.replay.signature import Key, Signature, UnknownError

_log = logging.getLogger(__name__)

# Beyond it Python's part is a small one of the whole, and the tensors of a pass that is being
# recorded, which are all kept until it ends, would be too many. A GPU is through with as much
# before Python has said what comes next.
_LARGEST = 256 * 2**20
_SHARE = 1 / 8  # of a GPU's memory, for a pass that is being recorded and for all programs
# To record takes as long as a dozen repetitions save: what comes a few times, as when a person
# drags a slider over all partitions, is not worth it.
SIGHTS = 8
"""At which sight a pass is recorded; from then on it is repeated."""
_MOST = 32  # passes that are remembered
_ROOM = 512 * 2**20  # bytes of all programs' own memory


@dataclass(slots=True, eq=False)
class _Entry:
    """What is known of a pass.

    Attributes:
        device: Where it is.
        program: What repeats it, once there is one.
        origins: Where H̄'s parts come from.
        sights: How often it was met.
        refused: Whether it cannot be repeated.
        busy: Held while the program runs, whose memory one thread can use at a time.
    """

    device: torch.device
    program: Repetition | None = None
    origins: tuple[Origin, ...] = ()
    sights: int = 0
    refused: bool = False
    busy: threading.Lock = field(default_factory=threading.Lock)


_known: OrderedDict[Key, _Entry] = OrderedDict()
_lock = threading.Lock()
_off = threading.local()


def carried(way: Way) -> Carried:
    """Carry the jets of all groups forward at once, by repetition if that is possible.

    Args:
        way: What they have to go through.

    Returns:
        What they add up to.
    """
    entry, signature = _entry(way)
    if entry is None or signature is None or entry.refused:
        return way.carry()
    if not entry.busy.acquire(blocking=False):
        return way.carry()
    try:
        if entry.program is None:
            entry.sights += 1
            ripe = entry.sights >= SIGHTS
            found = _recorded(way, signature, entry) if ripe else None
            return way.carry() if found is None else found
        return Carried(*entry.program.run(signature.inputs), entry.origins)
    finally:
        entry.busy.release()


def _entry(way: Way) -> tuple[_Entry | None, Signature | None]:
    """What is known of a pass; None for one that is never repeated."""
    largest = _bytes(way.device, _LARGEST)
    if getattr(_off, "yes", False) or most_at_once(way.tape.calls, way.groups.size) > largest:
        return None, None
    try:
        signature = Signature(way)
        with _lock:
            entry = _known.get(signature.key)
            if entry is None:
                entry = _known[signature.key] = _Entry(way.device)
                if len(_known) > _MOST:
                    _known.popitem(last=False)
            _known.move_to_end(signature.key)
    except (UnknownError, TypeError):  # TypeError: an argument that has no hash
        return None, None
    return entry, signature


def _recorded(way: Way, signature: Signature, entry: _Entry) -> Carried | None:
    """Carry the jets forward, and make a program of it; None where that is not possible."""
    recorder = Recorder(signature.inputs)
    try:
        with recorder:
            found = way.carry()
        outputs = [found.found, found.slopes, found.parts]
        if not all(bool(output.isfinite().all()) for output in outputs):
            return found  # nothing that a repetition could be held against; the next one may be
        program = captured(Program(recorder, signature.inputs, outputs), signature.inputs)
    except (NotRepeatableError, torch.OutOfMemoryError) as error:
        _log.debug("not repeated: %s", error)
        entry.refused = True
        return None
    entry.program, entry.origins = program, found.origins
    with _lock:
        _make_room(way.device)
    return found


def _bytes(device: torch.device, otherwise: int) -> float:
    """The bytes that may be taken on a device."""
    if device.type != "cuda":
        return otherwise
    return _SHARE * torch.cuda.get_device_properties(device).total_memory


def _make_room(device: torch.device) -> None:
    """Let go of the programs that were used longest ago, until the others fit."""
    room = _bytes(device, _ROOM)
    entries = [entry for entry in reversed(_known.values()) if entry.device == device]
    taken = 0
    for entry in entries:
        if entry.program is not None:
            taken += entry.program.size
            if taken > room:
                entry.program = None


def kept() -> int:
    """How many programs are kept."""
    with _lock:
        return sum(entry.program is not None for entry in _known.values())


def forget() -> None:
    """Let go of every program."""
    with _lock:
        _known.clear()


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """A context in which this thread repeats nothing."""
    before = getattr(_off, "yes", False)
    _off.yes = True
    try:
        yield
    finally:
        _off.yes = before
