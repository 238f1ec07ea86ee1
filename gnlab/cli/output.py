"""Where the command line writes."""

import sys


class NoReaderError(Exception):
    """Nobody reads the standard output any more."""


def write(text: str = "", end: str = "\n") -> None:
    """Write one line to the standard output, and all that waits to be written to it.

    Args:
        text: The line.
        end: What ends it.

    Raises:
        NoReaderError: If nobody reads it.
    """
    try:
        sys.stdout.write(text + end)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise NoReaderError from error


def complain(text: str) -> None:
    """Write one line to the error stream.

    Args:
        text: The line.
    """
    sys.stderr.write(f"gnlab: {text}\n")
    sys.stderr.flush()
