"""The ``gnlab`` command: serve the lab, train without it, say what is installed.

Nothing of the method is here: a subcommand turns its arguments into the settings of a run, or of
a server, and shows what comes back. What a person did wrong is one line on the error stream and
exit code 2, never a traceback.
"""

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from gnlab.errors import InputError, unknown_choice

COMMANDS = ("serve", "train", "info")
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "xarray",
    "zarr",
    "panel",
    "bokeh",
    "holoviews",
)


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
    """Show what a report of a fault should say about the machine."""
    import gnlab
    from gnlab.problems.images import data_root, found

    _table({"gnlab": gnlab.__version__, "python": platform.python_version()} | _versions())
    write("")
    _table(_devices())
    write("")
    write(f"data root   {data_root()}")
    for title, there in found().items():
        write(f"  {title:10s}{'found' if there else 'absent: downloaded when first used'}")
    return 0


def _table(rows: Mapping[str, str]) -> None:
    for name, value in rows.items():
        write(f"{name:12s}{value}")


def _versions() -> dict[str, str]:
    """The installed versions of the packages that the results or the page depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _devices() -> dict[str, str]:
    """The devices that a run can be put on."""
    import torch

    devices = {"cpu": f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads"}
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = properties.total_memory / 2**30
        devices[f"cuda:{index}"] = f"{properties.name}, {memory:.0f} GiB"
    if not torch.cuda.is_available():
        devices["cuda"] = "none"
    return devices
