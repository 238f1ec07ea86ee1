"""Cuts: which rows and columns of a matrix are shown, and in what order.

Legend: m rows of H̄ as it is kept, r rows and c columns shown.
"""

import functools
from dataclasses import dataclass

import numpy as np

from gnlab.lab.matrices import Array, block_order

Names = tuple[str, ...]
Places = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows and columns of a matrix are shown, as shares of all, so that any S has them.

    Attributes:
        rows: Where the first begins and the last ends, in [0, 1], from the top.
        columns: Likewise, from the left.
    """

    rows: tuple[float, float] = (0.0, 1.0)
    columns: tuple[float, float] = (0.0, 1.0)

    def nearer(self, row: float, column: float) -> "Window":
        """A quarter of the rows and columns, around a place.

        Args:
            row: The place, as a share of the rows that are shown.
            column: Likewise.

        Returns:
            The window.
        """
        return Window(_nearer(self.rows, row), _nearer(self.columns, column))

    def cut(self, size: int) -> tuple[slice, slice]:
        """The rows and the columns of a matrix [size, size]: one at least."""
        return _cut(self.rows, size), _cut(self.columns, size)


WHOLE = Window()
_CLOSEST = 4
"""Groups: no window is narrower."""


def _nearer(span: tuple[float, float], share: float) -> tuple[float, float]:
    low, high = span
    width = (high - low) / 4
    begin = min(max(low + share * (high - low) - width / 2, 0.0), 1.0 - width)
    return begin, begin + width


def _cut(span: tuple[float, float], size: int) -> slice:
    return slice_of(span[0] * size, span[1] * size, size)


def slice_of(begin: float, end: float, size: int) -> slice:
    """The rows between two places, a few at least.

    Args:
        begin: Where the first begins, in rows.
        end: Where the last ends.
        size: How many there are.

    Returns:
        The rows.
    """
    count = max(round(end - begin), min(_CLOSEST, size))
    first = max(0, min(round((begin + end) / 2 - count / 2), size - count))
    return slice(first, first + count)


@dataclass(frozen=True, slots=True)
class Side:
    """The rows or the columns that are shown.

    Attributes:
        names: What each stands for.
        roles: The role of each.
    """

    names: Names
    roles: Names


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a symmetric matrix that is shown.

    Attributes:
        down: Its rows, from the top.
        across: Its columns.
        note: How much of how much it is; "" for all.
    """

    down: Side
    across: Side
    note: str = ""


@functools.lru_cache(maxsize=32)
def placed(roles: Names, order: str, window: Window) -> tuple[Places, Places]:
    """Which rows and columns of a matrix are shown.

    Args:
        roles: Each row's role.
        order: One of ``matrices.ORDERS``.
        window: Which part.

    Returns:
        The rows and the columns, in the order in which they are shown.
    """
    place = block_order(roles, order)
    down, across = (tuple(place[part].tolist()) for part in window.cut(len(place)))
    return down, across


@functools.lru_cache(maxsize=32)
def named(names: Names, roles: Names, down: Places, across: Places, of: str = "groups") -> Cut:
    """The cut of some rows and columns.

    Args:
        names: What each row of the matrix stands for.
        roles: Their roles.
        down: The rows that are shown.
        across: The columns.
        of: What rows are, many of them.

    Returns:
        The cut, the same object for the same arguments.
    """
    sides = [Side(tuple(names[i] for i in s), tuple(roles[i] for i in s)) for s in (down, across)]
    note = f"{len(down)} × {len(across)} of {len(roles)} {of}"
    return Cut(*sides, "" if len(down) == len(across) == len(roles) else note)


def cut(names: Names, roles: Names, order: str, window: Window, of: str = "groups") -> Cut:
    """What is shown of a matrix.

    Args:
        names: What each row of the matrix stands for.
        roles: Their roles.
        order: One of ``matrices.ORDERS``.
        window: Which part.
        of: What rows are, many of them.

    Returns:
        The cut, the same object for the same arguments.
    """
    down, across = placed(roles, order, window)
    return named(names, roles, down, across, of)


def within(matrix: Array, roles: Names, order: str, window: Window) -> Array:
    """The entries that are shown.

    Args:
        matrix: [..., m, m].
        roles: Each row's role.
        order: One of ``matrices.ORDERS``.
        window: Which part.

    Returns:
        [..., r, c].
    """
    if (order, window) == ("tensor", WHOLE):
        return matrix
    down, across = placed(roles, order, window)
    return matrix[..., np.array(down)[:, None], np.array(across)]
