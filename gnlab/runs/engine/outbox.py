"""The outbox: messages on their way to the engine's process, so that who sends one never waits.

A pipe holds little. If the process does not read for a while, because a step keeps Python's lock
or the machine is out of memory, a write to it would wait, and with it the page's event loop.
"""

import contextlib
import pickle
import queue
import threading
from multiprocessing.connection import Connection

from gnlab.runs.engine.messages import Message


class Outbox:
    """Writes messages to a pipe, in order, on a thread of its own.

    Args:
        connection: The pipe's end to write to; it is closed with the outbox.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=_write, args=(connection, self._waiting), name="gnlab-send", daemon=True
        )
        self._thread.start()

    def put(self, message: Message) -> None:
        """Send a message; one to a process that has ended is lost.

        Args:
            message: The message.
        """
        # As bytes at once: what cannot be sent is told to who sends it.
        self._waiting.put(pickle.dumps(message))

    def close(self) -> None:
        """Let go of the pipe, whose other end has been closed."""
        self._waiting.put(None)
        self._thread.join()
        self._connection.close()


def _write(connection: Connection, waiting: "queue.SimpleQueue[bytes | None]") -> None:
    """Write what comes until there is no more to come."""
    while (content := waiting.get()) is not None:
        with contextlib.suppress(OSError):  # the process has ended; the snapshots say why
            connection.send_bytes(content)
