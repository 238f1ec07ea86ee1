"""The ``gnlab`` command."""

from gnlab.cli.commands import main

__all__ = ["main"]
