"""History: a whole run in bounded memory, its resolution halved whenever it is full.

Legend: S groups, T rows of the history, K kinds of operation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gnlab.runs.record import KINDS, Array, Record
from gnlab.runs.shares import shares

COLUMNS = (
    "step",
    "epoch",
    "loss",
    "val_loss",
    "accuracy",
    "damping",
    "lr",
    "radius",
    "radius_min",
    "eigenvalue_min",
    "decrease_predicted",
    "decrease_measured",
    "taken",
    "seconds",
)
"""The scalar columns of a history."""

ROWS = 1024
_STEP_SIZE_ENTRIES = 2**18


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The whole run so far in at most 1024 rows; immutable, [T] each.

    A row stands for ``stride`` steps: it shows the last one of them, and of what is not measured
    at every step the last that was measured in the row (NaN: none).

    Attributes:
        step: The number of finished steps.
        epoch: Passes through the training data.
        loss: The minibatch's loss.
        val_loss: The validation loss.
        accuracy: The validation accuracy.
        damping: λ_int.
        lr: λ₁.
        radius: ‖Dη‖.
        radius_min: r₀.
        eigenvalue_min: The smallest eigenvalue of K.
        decrease_predicted: Predicted decrease on the summary batch.
        decrease_measured: Measured decrease on the summary batch.
        taken: The share of the step that the safeguard let through.
        seconds: Time the step took.
        step_size: η as applied, of the present partition only, [T′, S].
        step_size_step: The steps of the rows of ``step_size``, [T′].
        share: Each kind's share of the curvature along the step, see ``shares``, [T″, K].
        share_step: The steps of the rows of ``share``, [T″].
        groups: The names of the S groups.
        since_step: The step since which the partition is the present one.
        stride: Steps per row.
    """

    step: Array
    epoch: Array
    loss: Array
    val_loss: Array
    accuracy: Array
    damping: Array
    lr: Array
    radius: Array
    radius_min: Array
    eigenvalue_min: Array
    decrease_predicted: Array
    decrease_measured: Array
    taken: Array
    seconds: Array
    step_size: Array
    step_size_step: Array
    share: Array
    share_step: Array
    groups: tuple[str, ...]
    since_step: int
    stride: int


class Log:
    """Rows of numbers in bounded memory: when full, neighbours merge and the resolution halves.

    It is plain data, so that ``copy.deepcopy`` branches it.

    Args:
        width: Numbers per row; the first is the step.
        rows: The most rows kept.
    """

    def __init__(self, width: int, rows: int = ROWS) -> None:
        self._table = np.full((rows, width), math.nan)
        self._filled = 0  # rows in use, the last of which may still take steps
        self._in_last = 0
        self.stride = 1

    def append(self, row: Array) -> None:
        """Take the next row.

        Args:
            row: Numbers, [width]; a NaN leaves what the row's earlier steps measured.
        """
        if self._filled == 0 or self._in_last == self.stride:
            if self._filled == len(self._table):
                self._halve()
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
            "rows": len(self._table),
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
        log._table[: len(table)] = table
        log._filled, log._in_last, log.stride = len(table), plain["in_last"], plain["stride"]
        return log

    def _count(self, until: float) -> int:
        """How many rows lie wholly up to a step."""
        return int(np.searchsorted(self._table[: self._filled, 0], until, side="right"))

    def _halve(self) -> None:
        """Merge each pair of rows; what only the first of a pair measured is kept."""
        first, second = self._table[0::2], self._table[1::2]
        merged = np.where(np.isnan(second), first, second)
        self._table[len(merged) :] = math.nan
        self._table[: len(merged)] = merged
        self._filled, self.stride = len(merged), 2 * self.stride
        self._in_last = self.stride


class HistoryLog:
    """Collects records into a history."""

    def __init__(self) -> None:
        self._scalars = Log(len(COLUMNS))
        self._sizes: Log | None = None
        self._shares = Log(1 + len(KINDS))
        self._partition = ""
        self._groups: tuple[str, ...] = ()
        self._since = 0

    def append(self, record: Record) -> None:
        """Take the next step's record.

        Args:
            record: The record.
        """
        self._scalars.append(np.array([getattr(record, name) for name in COLUMNS], dtype=float))
        if (record.partition, record.group) != (self._partition, self._groups):
            self._partition, self._groups = record.partition, record.group
            self._since, self._sizes = record.step, None
        found = shares(record)
        if found is not None:
            self._shares.append(np.array([record.step, *found]))
        if record.step_size is None:
            return
        if self._sizes is None:
            self._sizes = _size_log(len(record.group))
        self._sizes.append(np.concatenate([[record.step], record.step_size]))

    def truncate(self, step: int) -> None:
        """Forget what is after a step.

        Args:
            step: The last step to keep.
        """
        self._scalars.truncate(step)
        self._shares.truncate(step)
        if step < self._since:
            self._partition, self._groups, self._sizes, self._since = "", (), None, 0
        if self._sizes is not None:
            self._sizes.truncate(step)

    def history(self, until: float = math.inf) -> History:
        """The history up to a step, sharing no memory with the log.

        Args:
            until: The last step to show.

        Returns:
            The history.
        """
        rows = self._scalars.rows(until)
        columns = {name: rows[:, i].copy() for i, name in enumerate(COLUMNS)}
        # Before the last change of the partition the present step sizes say nothing.
        groups = self._groups if until >= self._since else ()
        sizes = np.empty((0, 1 + len(groups)))
        if groups and self._sizes is not None:
            sizes = self._sizes.rows(until)
        shared = self._shares.rows(until)
        return History(
            **columns,
            # Contiguous, so that a snapshot is copied to shared memory as it lies.
            step_size=np.ascontiguousarray(sizes[:, 1:]),
            step_size_step=np.ascontiguousarray(sizes[:, 0]),
            share=np.ascontiguousarray(shared[:, 1:]),
            share_step=np.ascontiguousarray(shared[:, 0]),
            groups=groups,
            since_step=self._since,
            stride=self._scalars.stride,
        )

    def to_plain(self) -> dict[str, Any]:
        """The log as plain values and tensors, for a file; see ``of``."""
        return {
            "scalars": self._scalars.to_plain(),
            "sizes": None if self._sizes is None else self._sizes.to_plain(),
            "shares": self._shares.to_plain(),
            "partition": self._partition,
            "groups": list(self._groups),
            "since": self._since,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "HistoryLog":
        """The log that ``to_plain`` described.

        Args:
            plain: The description.

        Returns:
            The log.
        """
        log = cls()
        log._scalars = Log.of(plain["scalars"])
        log._sizes = None if plain["sizes"] is None else Log.of(plain["sizes"])
        if "shares" in plain:  # a file of an earlier version has none
            log._shares = Log.of(plain["shares"])
        log._partition, log._groups = plain["partition"], tuple(plain["groups"])
        log._since = plain["since"]
        return log


def _size_log(groups: int) -> Log:
    """A log of step sizes, with fewer rows where there are many groups."""
    rows = max(16, min(ROWS, _STEP_SIZE_ENTRIES // (groups + 1)) // 2 * 2)
    return Log(groups + 1, rows)
