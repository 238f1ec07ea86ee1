"""Where the command line writes."""

import sys


class NoReaderError(Exception):
    """Nobody reads the standard output any more, or it cannot be written to: then why."""


def write(text: str = "", end: str = "\n") -> None:
    """Write one line to the standard output, and all that waits to be written to it.

    Args:
        text: The line.
        end: What ends it.

    Raises:
        NoReaderError: If it cannot be written.
    """
    if sys.stdout is None:  # a shell has closed it
        return
    try:
        sys.stdout.write(text + end)
        sys.stdout.flush()
    except OSError as error:
        raise unread(error) from error


def unread(error: OSError) -> NoReaderError:
    """The error for a standard output that cannot be written to.

    Args:
        error: What the system says.

    Returns:
        The error; a reader that has what it wanted, as in ``gnlab info | head -1``, is no reason.
    """
    return NoReaderError("" if isinstance(error, BrokenPipeError) else error.strerror)


def complain(text: str) -> None:
    """Write one line to the error stream.

    Args:
        text: The line.
    """
    sys.stderr.write(f"gnlab: {text}\n")
    sys.stderr.flush()
