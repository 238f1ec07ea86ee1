"""Whether a thread repeats anything: within a computation that is recorded, nothing in it is."""

import contextlib
import threading
from collections.abc import Iterator

_off = threading.local()


def is_eager() -> bool:
    """Whether this thread repeats nothing now."""
    return bool(getattr(_off, "yes", False))


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """A context in which this thread repeats nothing."""
    before = is_eager()
    _off.yes = True
    try:
        yield
    finally:
        _off.yes = before
