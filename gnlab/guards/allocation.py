"""What the C library does with memory that tensors let go of, on a CPU.

glibc has two ways. A block below a threshold comes from one heap and goes back into it, at hand for
the next; but where blocks of many sizes come and go the heap has holes, and a process holds up to
twice of what its tensors take. A larger block is the system's, which takes it back at once, and
clears it page by page when it is asked for again: that takes time. Other libraries do as they like.
"""

import contextlib
import ctypes
import functools
import os
import threading
from collections.abc import Iterator

import torch

_TRIM, _MMAP = -1, -3  # glibc's numbers of its two thresholds
_KEPT = 2**25  # the largest threshold that it takes
_GIVEN_BACK = 2**18  # blocks from which holes are worth nothing
_OWN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")

_lock = threading.Lock()
_inside = 0


@functools.cache
def keep_memory() -> None:
    """Have the C library keep what jets free, up to 64 MiB, for the jets that come.

    It would give it back to the system after each pass, and then a fifth of the next pass is spent
    on page faults. It learns what is worth keeping (glibc's dynamic threshold, at its largest)
    from the size of a block that is freed, even if nobody has written into it.
    """
    torch.empty(_KEPT - 2**13, dtype=torch.uint8, device="cpu")


@contextlib.contextmanager
def giving_back(device: torch.device) -> Iterator[None]:
    """A context in which memory goes back to the system as soon as it is free, at some time's cost.

    A process then holds what its tensors take. What a person has set for glibc stays as it is.

    Args:
        device: Where the tensors are; on a GPU nothing is done.

    Yields:
        None.
    """
    library = _glibc() if device.type == "cpu" else None
    if library is None:
        yield
        return
    _count(library, 1)
    try:
        yield
    finally:
        _count(library, -1)


def _count(library: ctypes.CDLL, more: int) -> None:
    """Count who is inside, and set the thresholds for the first one and after the last."""
    global _inside  # the thresholds are the process's too
    with _lock:
        before, _inside = _inside, _inside + more
        if before == 0:
            library.malloc_trim(0)  # the holes that there are
            library.mallopt(_MMAP, _GIVEN_BACK)
        elif _inside == 0:
            library.mallopt(_MMAP, _KEPT)
            library.mallopt(_TRIM, 2 * _KEPT)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    """The C library if it is glibc, whose thresholds nobody has set."""
    if any(name in os.environ for name in _OWN):
        return None
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        if library.gnu_get_libc_version and library.mallopt and library.malloc_trim:
            return library
    return None
