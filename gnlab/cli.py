"""The ``gnlab`` command: serve the lab, train without it, say what is installed.

Nothing of the method is here: a subcommand turns its arguments into the settings of a run, or of
a server, and shows what comes back. What a person did wrong is one line on the error stream and
exit code 2, never a traceback.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from gnlab.errors import InputError, unknown_choice

COMMANDS = ("serve", "train", "info")


class _Parser(argparse.ArgumentParser):
    """A parser that raises an ``InputError`` where argparse would print a page and exit."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong, with the place to look it up."""
        raise InputError(f"{message} (see {self.prog} --help)")


def write(text: str) -> None:
    """Write one line to the standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line.

    Returns:
        The parser; the parsed namespace's ``command`` is the function to call with it.
    """
    root = _Parser(prog="gnlab", description="A lab for the grouped Newton method.")
    commands = root.add_subparsers(metavar="COMMAND", parser_class=_Parser)
    _add_info(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments after the program's name; None takes those of the process.

    Returns:
        The exit code: 0, or 2 after a mistake in the arguments or in what they name.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and not given[0].startswith("-") and given[0] not in COMMANDS:
            raise unknown_choice("command", given[0], COMMANDS)
        root = parser()
        namespace = root.parse_args(given)
        if not given:
            root.print_help()
            return 0
        return int(namespace.command(namespace))
    except InputError as error:
        sys.stderr.write(f"gnlab: {error}\n")
        return 2


def _add_info(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    info = commands.add_parser("info", help="versions, devices and data found on this machine")
    info.set_defaults(command=_info)


def _info(_: argparse.Namespace) -> int:
    import gnlab

    write(f"gnlab {gnlab.__version__}")
    return 0
