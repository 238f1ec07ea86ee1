"""A board in shared memory: one process writes the newest version, another reads it.

Two slots take turns, each under a sequence lock: odd while it is being written. The writer never
waits; a reader copies the newest slot and tries again if the number has moved meanwhile, so it
never sees a torn version. A version that is too large for the slots goes to a new, larger
segment, to which the old one points.

Who unlinks: the reader, when it moves on and at the end; the writer if the reader wants no more or
is gone.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from multiprocessing.shared_memory import SharedMemory

from gnlab.errors import InputError

CAPACITY = 128 * 1024
_HEADER = 128
_LATEST, _VERSION, _NEXT, _CAPACITY = range(4)
_SEQUENCE, _LENGTH = 6, 8  # two of each, one per slot
_TRIES = 10_000


class Segment:
    """One shared memory segment: a header of 64-bit numbers and two slots.

    Args:
        name: The board's name.
        generation: Its number in the chain of segments.
        capacity: Bytes per slot of a new segment; None to open one that exists.

    Raises:
        InputError: If there is no room left for a new one.
    """

    def __init__(self, name: str, generation: int, capacity: int | None = None) -> None:
        full = f"{name}-{generation}"
        if capacity is None:
            self.memory = SharedMemory(full)
        else:
            self.memory = _create(full, _HEADER + 2 * capacity)
        assert self.memory.buf is not None
        self._bytes = self.memory.buf
        self.header = self._bytes[:_HEADER].cast("q")
        self.generation = generation
        if capacity is not None:
            self.header[_CAPACITY], self.header[_LATEST] = capacity, -1

    def slot(self, number: int, length: int) -> memoryview:
        """The bytes of a slot.

        Args:
            number: 0 or 1.
            length: How many.

        Returns:
            A view of them.
        """
        start = _HEADER + number * self.header[_CAPACITY]
        return self._bytes[start : start + length]

    def close(self) -> None:
        """Let go of the memory, which stays as long as it is not unlinked."""
        self.header.release()
        self._bytes.release()
        self.memory.close()

    def unlink(self) -> None:
        """Remove the name; whoever has it open keeps it."""
        with contextlib.suppress(FileNotFoundError):
            self.memory.unlink()


class Writer:
    """Writes versions to a board that a reader has made.

    Args:
        name: The board's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._segments = [Segment(name, 0)]

    def write(self, version: int, parts: Sequence[bytes | memoryview]) -> None:
        """Publish a version.

        Args:
            version: Its number, above all before.
            parts: Its bytes, in pieces; they begin at a multiple of 8 bytes.

        Raises:
            InputError: If there is no room left for a larger segment; the last version stays.
        """
        # The number stands before and after, which shows a torn version even where another
        # core sees the writes in another order.
        stamp = version.to_bytes(8, sys.byteorder)
        parts = [stamp, *parts, stamp]
        length = sum(len(part) for part in parts)
        segment = self._segments[-1]
        if length <= segment.header[_CAPACITY]:
            _put(segment, version, parts, length)
            return
        capacity = max(2 * segment.header[_CAPACITY], length + length // 4)
        larger = Segment(self._name, segment.generation + 1, capacity)
        _put(larger, version, parts, length)
        self._segments.append(larger)
        segment.header[_NEXT] = larger.generation

    def close(self, *, unlink: bool) -> None:
        """Let go of the board.

        Args:
            unlink: Whether to remove it too, because its reader is gone or wants no more.
        """
        for segment in self._segments:
            if unlink:
                segment.unlink()
            segment.close()


class Reader:
    """Makes a board and reads what is written to it.

    Args:
        name: The board's name, unique on this machine.

    Raises:
        InputError: If there is no room left in shared memory.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._segment = Segment(name, 0, CAPACITY)

    def read(self, newer_than: int) -> tuple[int, memoryview] | None:
        """Read the newest version.

        Args:
            newer_than: The version last read.

        Returns:
            The version and its bytes, or None if there is none newer.
        """
        self._move_on()
        header = self._segment.header
        for _ in range(_TRIES):
            slot = header[_LATEST]
            if slot < 0:
                return None
            if header[_VERSION] <= newer_than:
                return None
            before = header[_SEQUENCE + slot]
            content = memoryview(bytes(self._segment.slot(slot, header[_LENGTH + slot])))
            whole = before % 2 == 0 and header[_SEQUENCE + slot] == before
            if whole and content[:8] == content[-8:]:
                return int.from_bytes(content[:8], sys.byteorder), content[8:-8]
        return None  # lapped again and again: the next look will find it

    def close(self) -> None:
        """Remove the board, also what was written and not read yet."""
        with contextlib.suppress(FileNotFoundError):  # the writer has removed it
            self._move_on()
        self._segment.unlink()
        self._segment.close()

    def _move_on(self) -> None:
        """Go to the end of the chain of segments, removing those before."""
        while self._segment.header[_NEXT]:
            larger = Segment(self._name, self._segment.header[_NEXT])
            self._segment.unlink()
            self._segment.close()
            self._segment = larger


def _put(segment: Segment, version: int, parts: Sequence[bytes | memoryview], length: int) -> None:
    """Write a version into the slot that was not written last."""
    header = segment.header
    slot = 1 if header[_LATEST] == 0 else 0
    header[_SEQUENCE + slot] += 1
    at = 0
    target = segment.slot(slot, length)
    for part in parts:
        target[at : at + len(part)] = part
        at += len(part)
    header[_LENGTH + slot] = length
    header[_SEQUENCE + slot] += 1
    header[_LATEST] = slot
    header[_VERSION] = version


def _create(name: str, size: int) -> SharedMemory:
    """A new segment whose memory is really there."""
    try:
        memory = SharedMemory(name, create=True, size=size)
    except OSError as error:
        raise _no_room(size) from error
    if sys.platform != "linux":
        return memory
    # Linux hands the memory out at the first write, and kills the writer if there is none left.
    path = f"/dev/shm/{name}"
    try:
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        memory.unlink()
        memory.close()
        raise _no_room(size) from error
    return memory


def _no_room(size: int) -> InputError:
    """The error for a segment that cannot be had."""
    return InputError(
        f"no room left in shared memory for {size // 1024} KiB; close runs that are not needed, "
        "or give /dev/shm more room."
    )
