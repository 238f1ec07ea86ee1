"""Notebook cells: a cell that is run again replaces what its earlier run has left behind."""

import sys
from collections.abc import Callable
from weakref import WeakMethod

_earlier: dict[str, tuple[int, list[WeakMethod[Callable[[], None]]]]] = {}


def replace_earlier(close: Callable[[], None]) -> None:
    """Close what this very cell opened when it was last run; outside a notebook nothing.

    Without this, the run of a lab whose cell is run again would train on, out of reach.

    Args:
        close: A method that closes what the cell opens now, in case it is run again; what nobody
            else holds is not held here either.
    """
    cell = _cell()
    if cell is None:
        return
    name, count = cell
    earlier, opened = _earlier.get(name, (count, []))
    if earlier != count:
        for held in opened:
            if (close_earlier := held()) is not None:
                close_earlier()
        opened = []
    _earlier[name] = (count, [*opened, WeakMethod(close)])


def _cell() -> tuple[str, int] | None:
    """The id of the cell that runs, and how many cells have been run; None for no cell."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    parent = getattr(shell, "get_parent", dict)()
    name = parent.get("metadata", {}).get("cellId")
    return None if name is None else (name, shell.execution_count)
