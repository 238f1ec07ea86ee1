"""A log: rows of numbers in bounded memory, its resolution halved whenever it is full."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from gnlab.runs.records.record import Array

ROWS = 1024
_FIRST = 16  # rows that there is room for at first


class Log:
    """Rows of numbers in bounded memory: when full, neighbours merge and the resolution halves.

    It is plain data, so that ``copy.deepcopy`` branches it.

    Args:
        width: Numbers per row; the first is the step.
        rows: The most rows kept.
    """

    def __init__(self, width: int, rows: int = ROWS) -> None:
        self._most = rows
        self._table = np.full((min(rows, _FIRST), width), math.nan)
        self._filled = 0  # rows in use, the last of which may still take steps
        self._in_last = 0
        self.stride = 1

    @property
    def size(self) -> int:
        """How many numbers there is room for."""
        return self._table.size

    def append(self, row: Array) -> None:
        """Take the next row.

        Args:
            row: Numbers, [width]; a NaN leaves what the row's earlier steps measured.
        """
        if self._filled == 0 or self._in_last == self.stride:
            if self._filled == len(self._table):
                self._make_room()
            self._table[self._filled] = row
            self._filled, self._in_last = self._filled + 1, 1
            return
        last = self._table[self._filled - 1]
        np.copyto(last, row, where=~np.isnan(row))
        self._in_last += 1

    def rows(self, until: float = math.inf) -> Array:
        """A copy of the rows up to a step.

        Args:
            until: The last step to show.

        Returns:
            The rows, [T, width].
        """
        return self._table[: self._count(until)].copy()

    def truncate(self, step: int) -> None:
        """Forget what is after a step.

        Args:
            step: The last step to keep; a row that stands for steps on both sides goes too.
        """
        if not self._filled or self._table[self._filled - 1, 0] <= step:
            return
        keep = self._count(step)
        if keep < self._filled:
            self._table[keep : self._filled] = math.nan
            # The next step opens a new row: rows may stand for fewer steps, never for more.
            self._filled, self._in_last = keep, self.stride

    def to_plain(self) -> dict[str, Any]:
        """The log as plain values and a tensor, for a file; see ``of``."""
        table = torch.tensor(self._table[: self._filled], device="cpu")
        return {
            "table": table,
            "rows": self._most,
            "in_last": self._in_last,
            "stride": self.stride,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Log":
        """The log that ``to_plain`` described.

        Args:
            plain: The description.

        Returns:
            The log.
        """
        table = plain["table"].numpy()
        log = cls(table.shape[1], plain["rows"])
        log._table = table.copy()
        log._filled, log._in_last, log.stride = len(table), plain["in_last"], plain["stride"]
        return log

    def _count(self, until: float) -> int:
        """How many rows lie wholly up to a step."""
        return int(np.searchsorted(self._table[: self._filled, 0], until, side="right"))

    def _make_room(self) -> None:
        """Make room for another row: more memory while it may be had, then half the resolution."""
        rows, width = self._table.shape
        if rows < self._most:
            more = np.full((min(max(rows, _FIRST), self._most - rows), width), math.nan)
            self._table = np.concatenate([self._table, more])
        else:
            self._halve()

    def _halve(self) -> None:
        """Merge each pair of rows; what only the first of a pair measured is kept."""
        first, second = self._table[0::2], self._table[1::2]
        merged = np.where(np.isnan(second), first, second)
        self._table[len(merged) :] = math.nan
        self._table[: len(merged)] = merged
        self._filled, self.stride = len(merged), 2 * self.stride
        self._in_last = self.stride
