"""The ``gnlab`` command: serve the lab, train without it, say what is installed.

Nothing of the method is here: a subcommand turns its arguments into the settings of a run, or of
a server, and shows what comes back. What a person did wrong is one line on the error stream and
exit code 2, never a traceback.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import gnlab
from gnlab.cli.output import NoReaderError, complain, unread, write
from gnlab.errors import InputError, unknown_choice
from gnlab.partitions import LEVELS

COMMANDS = ("serve", "train", "info")
SETTINGS: Mapping[str, tuple[type, str]] = {
    "optimizer": (str, "grouped-newton, adam or sgd"),
    "partition": (str, f"{', '.join(LEVELS[:-1])} or {LEVELS[-1]}"),
    "direction": (str, "gradient, momentum, adam or orthogonal"),
    "lr": (float, "global factor on the step sizes; of adam and sgd the learning rate"),
    "damping": (float, "strength of the cubic term"),
    "period": (int, "steps from one summary to the next"),
    "batch_size": (int, "samples in a gradient's batch"),
    "summary_batch_size": (int, "samples in a summary's batch"),
    "momentum": (float, "share of the past in the direction"),
    "step_momentum": (float, "share of the past in the step sizes"),
    "curvature": (str, "hessian or gauss-newton: what steps are solved with; default: hessian"),
    "safeguard": (bool, "cut steps back to what the model and the loss agree on; default: yes"),
    "seed": (int, "fixes the start and the order of the data"),
    "device": (str, "auto, cpu or cuda"),
    "dtype": (str, "float32 or float64"),
}
"""What of a run's settings the command line offers; what is left out is the preset's own."""
OPTIONS = {
    **{name: f"--{name.replace('_', '-')}" for name in (*SETTINGS, "port", "address")},
    "most_groups": "--most-groups", "frames_per_second": "--frames",
}  # fmt: skip
"""The option that gives what is called so elsewhere."""

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction["_Parser"]


class _Parser(argparse.ArgumentParser):
    """A parser that raises an ``InputError`` where argparse would print a page and exit."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong, with the place to look it up."""
        raise InputError(f"{message} (see {self.prog} --help)")


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line.

    Returns:
        The parser; the parsed namespace's ``command`` is the function to call with it.
    """
    root = _Parser(prog="gnlab", description="A lab for the grouped Newton method.")
    root.add_argument("--version", action="version", version=f"gnlab {gnlab.__version__}")
    commands = root.add_subparsers(metavar="COMMAND", parser_class=_Parser)
    _add_serve(commands)
    _add_train(commands)
    _add_info(commands)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The arguments after the program's name; None takes those of the process.

    Returns:
        The exit code: 0; 1 if a run could not go on or nobody reads what is written; 2 after a
        mistake in the arguments or in what they name; 130 after Ctrl-C before there was anything
        to save.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            code = _answer(given)
        except SystemExit:  # of --help and --version
            write(end="")
            raise
        write(end="")  # here, where it can be told that nobody reads it
    except NoReaderError as error:
        # Python would try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if str(error):
            complain(f"the standard output cannot be written to: {error}.")
        return 1
    except KeyboardInterrupt:
        complain("interrupted.")
        return 130
    return code


def _answer(given: list[str]) -> int:
    """Do what the arguments ask for; the exit code."""
    try:
        _check_command(given)
        root = parser()
        try:
            namespace = root.parse_args(given)
            if not given:
                root.print_help()
        except OSError as error:  # of the help; a later Python passes over it itself
            raise unread(error) from error
        return int(namespace.command(namespace)) if given else 0
    except InputError as error:
        # What refuses a choice calls it by its name in Python, which nobody typed here.
        name, must, rest = str(error).partition(" must be ")
        complain(f"{OPTIONS.get(name, name)}{must}{rest}")
        return 2


def _check_command(given: Sequence[str]) -> None:
    """Raise where the first argument is no command, naming the nearest."""
    if given and not given[0].startswith("-") and given[0] not in COMMANDS:
        raise unknown_choice("command", given[0], COMMANDS)


def _add_serve(commands: "_Commands") -> None:
    serve = commands.add_parser("serve", help="open the lab in a browser")
    serve.add_argument("--port", type=int, default=5006, help="default: %(default)s")
    serve.add_argument("--address", default="localhost", help="default: %(default)s")
    serve.add_argument("--no-show", action="store_true", help="do not open a browser")
    serve.add_argument("--preset", default="digits-mlp", help="default: %(default)s")
    serve.add_argument("--paused", action="store_true", help="wait for Play instead of training")
    serve.add_argument(
        "--frames", type=float, default=18.0, help="most frames per second; default: %(default)s"
    )
    serve.add_argument(
        "--most-groups", type=int, metavar="S",
        help="the finest level of every run, for a class: a step of thousands of groups takes "
        "many seconds, in which the other runs wait; default: what the device allows",
    )  # fmt: skip
    where = serve.add_mutually_exclusive_group()
    where.add_argument("--record", metavar="DIR", help="where each run records itself")
    where.add_argument("--no-record", action="store_true", help="record nothing")
    serve.set_defaults(command=_serve)


def _serve(given: argparse.Namespace) -> int:
    from gnlab.lab.served import serve
    from gnlab.runs import default_folder

    if given.record == "":
        raise InputError("--record must be a folder; got ''. Leave it out for the usual one.")
    serve(
        port=given.port,
        address=given.address,
        show=not given.no_show,
        preset=given.preset,
        play=not given.paused,
        most_groups=given.most_groups,
        frames_per_second=given.frames,
        record_dir=None if given.no_record else Path(given.record or default_folder()),
    )
    return 0


def _add_train(commands: "_Commands") -> None:
    train = commands.add_parser(
        "train",
        help="train without a page and write the record",
        description="Train a preset with a progress bar, writing the record to DIR/run.zarr. "
        "Ctrl-C saves; the same command with the same --out goes on where it was.",
    )
    train.add_argument("preset", metavar="PRESET", help="digits-mlp, lenet-cifar10, ...")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="train up to this step")
    length.add_argument("--epochs", type=float, help="train up to this epoch; default: 1")
    for name, (kind, text) in SETTINGS.items():
        if kind is bool:
            switch = argparse.BooleanOptionalAction
            train.add_argument(OPTIONS[name], action=switch, default=None, help=text)
        else:
            train.add_argument(OPTIONS[name], type=kind, help=text)
    train.add_argument("--out", metavar="DIR", help="default: a new folder, see gnlab info")
    train.set_defaults(command=_train)


def _train(given: argparse.Namespace) -> int:
    from gnlab.cli.training import train

    chosen = {name: getattr(given, name) for name in SETTINGS}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    return train(given.preset, chosen, given.steps, given.epochs, given.out)


def _add_info(commands: "_Commands") -> None:
    info = commands.add_parser("info", help="versions, devices and data found on this machine")
    info.set_defaults(command=_info)


def _info(_: argparse.Namespace) -> int:
    from gnlab.cli.info import info

    info()
    return 0
