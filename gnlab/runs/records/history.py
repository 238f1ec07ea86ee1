"""History: a whole run in bounded memory, its resolution halved whenever it is full.

Legend: S groups, T rows of the history, K kinds of operation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnlab.runs.records.log import Log
from gnlab.runs.records.record import KINDS, Array, Record
from gnlab.runs.records.shares import shares
from gnlab.runs.records.stays import Stay, Stays

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
        step_size: η as applied, since the last change of the partition only, [T′, S].
        step_size_step: The steps of the rows of ``step_size``, [T′].
        share: Each kind's share of the curvature along the step, see ``shares``, [T″, K].
        share_step: The steps of the rows of ``share``, [T″].
        groups: The names of the S groups.
        since_step: The step since which the partition is the present one; 0 before the first.
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


class HistoryLog:
    """Collects records into a history."""

    def __init__(self) -> None:
        self._scalars = Log(len(COLUMNS))
        self._shares = Log(1 + len(KINDS))
        self._stays = Stays()

    def append(self, record: Record) -> None:
        """Take the next step's record.

        Args:
            record: The record.
        """
        self._scalars.append(np.array([getattr(record, name) for name in COLUMNS], dtype=float))
        found = shares(record)
        if found is not None:
            self._shares.append(np.array([record.step, *found]))
        self._stays.append(record)

    def truncate(self, step: int) -> None:
        """Forget what is after a step.

        Args:
            step: The last step to keep.
        """
        self._scalars.truncate(step)
        self._shares.truncate(step)
        self._stays.truncate(step)

    def history(self, until: float = math.inf) -> History:
        """The history up to a step, sharing no memory with the log.

        Args:
            until: The last step to show.

        Returns:
            The history.
        """
        rows = self._scalars.rows(until)
        columns = {name: rows[:, i].copy() for i, name in enumerate(COLUMNS)}
        stay, shared = self._stays.at(until), self._shares.rows(until)
        sizes = stay.rows(until)
        return History(
            **columns,
            # Contiguous, so that a snapshot is copied to shared memory as it lies.
            step_size=np.ascontiguousarray(sizes[:, 1:]),
            step_size_step=np.ascontiguousarray(sizes[:, 0]),
            share=np.ascontiguousarray(shared[:, 1:]),
            share_step=np.ascontiguousarray(shared[:, 0]),
            groups=stay.groups,
            since_step=stay.since,
            stride=self._scalars.stride,
        )

    def to_plain(self) -> dict[str, Any]:
        """The log as plain values and tensors, for a file; see ``of``."""
        *earlier, last = (stay.to_plain() for stay in self._stays.stays)
        return {
            "scalars": self._scalars.to_plain(),
            "shares": self._shares.to_plain(),
            **last,
            "earlier": earlier,
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
        # A file of an earlier version has no shares, or nothing of earlier partitions.
        if "shares" in plain:
            log._shares = Log.of(plain["shares"])
        log._stays = Stays([Stay.of(stay) for stay in (*plain.get("earlier", ()), plain)])
        return log
