"""Where the command line writes."""

import sys


def write(text: str) -> None:
    """Write one line to the standard output.

    Args:
        text: The line.
    """
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write one line to the error stream.

    Args:
        text: The line.
    """
    sys.stderr.write(f"gnlab: {text}\n")
    sys.stderr.flush()
