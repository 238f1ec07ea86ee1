"""A folder for one training at a time: two in one folder would write over each other's checkpoint.

The lock is the operating system's, on a file in the folder: it is gone with the process that holds
it, however that ends.
"""

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gnlab.errors import InputError

NAME = "training.lock"
_TAKEN = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}


class _Mine(threading.local):
    """The folders that this thread holds."""

    def __init__(self) -> None:
        self.folders: set[str] = set()


_mine = _Mine()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """A context in which nobody else trains in a folder; who holds it may ask for it again.

    Where no file can be made or locked nothing is held: what cannot be written says so itself.

    Args:
        folder: The folder, made for the time if it is not there.

    Raises:
        InputError: If another training is in it; nothing is written then.
    """
    key = os.path.realpath(folder)
    if key in _mine.folders:
        yield
        return
    made = _make(folder)
    file = _locked(folder)
    _mine.folders.add(key)
    try:
        yield
    finally:
        _mine.folders.discard(key)
        if file is not None:
            _release(file, folder / NAME)
        with suppress(OSError):  # not empty, if anything was written
            for one in made:
                one.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder, and those above it; which were not there, the innermost first."""
    with suppress(OSError):
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        return missing
    return []


def _locked(folder: Path) -> int | None:
    """The folder's lock, as an open file; None where there can be none."""
    path = folder / NAME
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            _lock(file)
        except OSError as error:
            os.close(file)
            if error.errno not in _TAKEN:
                return None  # a file system without locks
            raise InputError(
                f"another training is writing in {str(folder)!r}; wait for it to end, or give "
                "another folder (--out)."
            ) from error
        if _is_at(path, file):
            return file
        os.close(file)  # who held it has removed it in the meantime


def _lock(file: int) -> None:
    """Lock an open file, or raise at once."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  # each system has one of the two

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(path: Path, file: int) -> bool:
    """Whether an open file is the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except OSError:
        return False


def _release(file: int, path: Path) -> None:
    """Remove a lock's file and let it go, in this order: else it could be another's already."""
    with suppress(OSError):  # Windows removes no open file
        path.unlink()
    os.close(file)
