"""Python's garbage collector, in a process that does nothing but run the lab.

Torch and Bokeh are some 400 000 objects, which stay as long as the process does. Every so often the
collector looks through all there are: 0.2 s in which no step is made and no page is answered.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sparing_what_stays() -> Iterator[None]:
    """A context in which the collector passes over all that is there when it is entered.

    Yields:
        Nothing.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
