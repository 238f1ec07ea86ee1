"""LAPACK's threads: none but the caller's while a matrix is too small for more to pay.

Threads of OpenBLAS wait for each other by spinning. On a machine that something else uses too, a
reduction of 1000 rows took 6.6 s with two of them and takes 0.1 s with one.

Legend: n rows.
"""

import functools
import threading
from types import TracebackType

from threadpoolctl import ThreadpoolController

FEW = 64
"""Up to so many rows LAPACK keeps to one thread by itself."""
MANY = 1500
"""From so many rows on a second thread saves more than a shared machine may cost."""


@functools.cache
def _libraries() -> ThreadpoolController:
    """The linear algebra libraries that are loaded; looking for them takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


class Alone:
    """A context in which linear algebra uses the calling thread alone.

    The number of threads is the process's: it is as before once the last of several has left.

    Args:
        rows: n of the largest matrix; a small and a very large one change nothing.
    """

    _lock = threading.Lock()
    _inside = 0
    _before: "ThreadpoolController.limit | None" = None

    def __init__(self, rows: int) -> None:
        self._needed = FEW < rows < MANY

    def __enter__(self) -> None:
        if not self._needed:
            return
        with Alone._lock:
            if not Alone._inside:
                Alone._before = _libraries().limit(limits=1)
            Alone._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._needed:
            return
        with Alone._lock:
            Alone._inside -= 1
            if not Alone._inside and Alone._before is not None:
                Alone._before.restore_original_limits()
                Alone._before = None
