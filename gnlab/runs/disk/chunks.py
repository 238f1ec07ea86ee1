"""The matrices of a record on disk: chunks of some steps each, written a piece at a time.

At a thousand groups a step's H̄ and its parts are some 40 MB. To write them at once takes longer
than many steps of a small network, and that is what a run makes again when its slider was moved
away from there.

Legend: S groups, R steps per chunk.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gnlab.runs.disk.thinning import Thinning
from gnlab.runs.records.record import Array

PIECE_BYTES = 2**20
"""What is written of a chunk before somebody else has a turn."""

Rows = list[Array | None]
"""The matrices of some steps, None for a step without one."""


class Matrices:
    """A variable's matrices, step by step.

    Args:
        folder: The variable's folder.
        shape: Of a matrix.
        thinning: Which of them are written.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], thinning: Thinning) -> None:
        self._folder, self._shape = folder, shape
        self._rows: Rows = []  # of the chunk that is begun, as they were written
        self._thinning = thinning
        self._after = self._rows, thinning

    def write(self, new: Rows, begin: int) -> Iterator[None]:
        """Write the matrices of new steps into their chunks.

        Args:
            new: The matrices.
            begin: The first new step's row.

        Yields:
            Nothing, between two pieces.

        Raises:
            OSError: If they cannot be written.
        """
        thinning = self._thinning
        rows = self._rows[: begin % thinning.rows]
        for row, matrix in enumerate(new, begin):
            if matrix is not None:
                thinning = thinning.after(row)
            rows.append(matrix if thinning.written else None)
            whole = len(rows) == thinning.rows
            last = row == begin + len(new) - 1
            if (whole or last) and any(one is not None for one in rows):
                key = ".".join(["c", str(row // thinning.rows), *["0"] * len(self._shape)])
                yield from _write(self._folder / key, _block(rows, thinning.rows, self._shape))
                if not last:
                    yield  # to make a file takes a moment too, and small chunks are many
            if whole:
                rows = []
        self._after = rows, thinning

    def follow(self, other: "Matrices") -> None:
        """Write next at the steps at which another variable does, whatever was missing so far.

        Args:
            other: The other variable, not settled since what it has written.
        """
        self._thinning = other._thinning

    def settle(self) -> None:
        """Go on from what was written last; what was broken off is written from its beginning."""
        self._rows, self._thinning = self._after


def _block(rows: Rows, most: int, shape: tuple[int, ...]) -> Array:
    """A chunk's matrices one after the other, NaN where there is none, [R, ...]."""
    if most == 1 and rows[0] is not None:
        return rows[0]
    whole = np.full((most, *shape), np.nan)
    for row, matrix in enumerate(rows):
        if matrix is not None:
            whole[row] = matrix
    return whole


def _write(path: Path, values: Array) -> Iterator[None]:
    """Write a file so that it is the old one or the new one at any moment, in pieces."""
    partial, flat = path.with_name(path.name + ".partial"), values.reshape(-1)
    piece = PIECE_BYTES // 8
    with partial.open("wb") as file:
        for first in range(0, flat.size, piece):
            if first:
                yield
            file.write(np.asarray(flat[first : first + piece], dtype="<f8").tobytes())
    os.replace(partial, path)
