"""The thread on which a notebook's pages live, all of a kernel's on one.

A kernel takes what a person does on a thread of its own (a subshell), and runs cells on its main
thread. A page is changed by its run as well as by the person: on one thread neither is taken for
the other, and no message is cut in two. As no cell runs on it, pages live on while one does.
"""

import asyncio
import atexit
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 5.0  # seconds that a frame may still take once the program ends


class PageThread:
    """A thread with an event loop, started when something is first to be done on it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def now(self, act: Callable[[], T]) -> T:
        """Do something there, and wait until it is done.

        Args:
            act: What is to be done; asked for from that thread, it is done at once.

        Returns:
            What it returns; what it raises is raised here.
        """
        loop = self._running()
        if threading.current_thread() is self._thread:
            return act()
        done: Future[T] = Future()

        def do() -> None:
            try:
                done.set_result(act())
            except BaseException as error:  # noqa: BLE001  (it is raised where it is waited for)
                done.set_exception(error)

        loop.call_soon_threadsafe(do)
        return done.result()

    def _running(self) -> asyncio.AbstractEventLoop:
        """The thread's loop; it ends with the program."""
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="gnlab-pages", daemon=True
                )
                self._thread.start()
                atexit.register(_end, self._loop, self._thread)
        return self._loop


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """Let what is being done come to its end: within LAPACK it would end with a fault."""
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_PATIENCE)


PAGES = PageThread()
"""Where every lab's page lives."""
