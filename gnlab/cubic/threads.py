"""Threads of linear algebra: none but the caller's while a matrix is too small for more to pay.

A library's threads wait for each other by spinning. On two cores of which something else used one,
an eigen-decomposition of 1000 rows took 5 s with two threads and 0.23 s with one, half a
decomposition 6.6 s and 0.1 s.

Legend: n rows.
"""

import contextlib
import functools
from typing import Any

from threadpoolctl import ThreadpoolController

FEW = 64
"""Up to so many rows the libraries keep to one thread by themselves."""
MANY = 3000
"""From so many rows on more threads save seconds where the machine is quiet."""


@functools.cache
def _libraries() -> Any:
    """The libraries that are loaded; looking for them takes milliseconds."""
    return ThreadpoolController()


def one_thread(rows: int) -> contextlib.AbstractContextManager[object]:
    """Linear algebra uses the calling thread alone.

    Args:
        rows: n of the largest matrix; for a small and a very large one nothing changes.

    Returns:
        The context in which it does.
    """
    return _libraries().limit(limits=1) if FEW < rows < MANY else contextlib.nullcontext()
