"""Step sizes over time: those of the present partition, and of earlier ones for a rewind.

A row of step sizes says nothing beside one of other groups, so each stay at a partition has its
own table. The latest is what a history shows; whoever goes back before a change of the partition
finds the one of then, unless so much has been kept since that it was forgotten.

Legend: S groups, T rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gnlab.runs.records.log import ROWS, Log
from gnlab.runs.records.record import Array, Record

_ENTRIES = 2**18
"""The most numbers in one table, but for 16 rows of many groups."""
_EARLIER = 2**20
"""The most numbers in the tables of earlier stays, together."""


@dataclass(slots=True, eq=False)
class Stay:
    """The steps that were made in a row with one partition.

    Attributes:
        since: The first of them; 0 for none at all.
        partition: The level's name.
        groups: The names of the S groups.
        sizes: The step and η as applied, [T, 1 + S]; None before the first solve.
    """

    since: int = 0
    partition: str = ""
    groups: tuple[str, ...] = ()
    sizes: Log | None = None

    def append(self, step: int, sizes: Array) -> None:
        """Take the step sizes of the next step, [S]."""
        if self.sizes is None:
            self.sizes = _log_of(len(self.groups))
        self.sizes.append(np.concatenate([[step], sizes]))

    def rows(self, until: float) -> Array:
        """The rows up to a step, [T, 1 + S]."""
        return np.empty((0, 1 + len(self.groups))) if self.sizes is None else self.sizes.rows(until)

    def to_plain(self) -> dict[str, Any]:
        """The stay as plain values and a tensor, for a file; see ``of``."""
        return {
            "sizes": None if self.sizes is None else self.sizes.to_plain(),
            "partition": self.partition,
            "groups": list(self.groups),
            "since": self.since,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Stay":
        """The stay that ``to_plain`` described."""
        sizes = None if plain["sizes"] is None else Log.of(plain["sizes"])
        return cls(plain["since"], plain["partition"], tuple(plain["groups"]), sizes)


@dataclass(slots=True, eq=False)
class Stays:
    """The stays of a run, the latest last; plain data, so that ``copy.deepcopy`` branches it.

    Attributes:
        stays: The stays in their order; one at least, though it may have no step yet.
    """

    stays: list[Stay] = field(default_factory=lambda: [Stay()])

    def append(self, record: Record) -> None:
        """Take the next step's record.

        Args:
            record: The record.
        """
        last = self.stays[-1]
        if (record.partition, record.group) != (last.partition, last.groups):
            if not last.since:  # before the first step
                self.stays.pop()
            last = Stay(record.step, record.partition, record.group)
            self.stays.append(last)
            self._forget()
        if record.step_size is not None:
            last.append(record.step, record.step_size)

    def truncate(self, step: int) -> None:
        """Forget what is after a step.

        Args:
            step: The last step to keep.
        """
        self.stays = [stay for stay in self.stays if stay.since <= step] or [Stay()]
        sizes = self.stays[-1].sizes
        if sizes is not None:
            sizes.truncate(step)

    def at(self, step: float) -> Stay:
        """The stay that a step belongs to; one without groups if that was forgotten, or is none.

        Args:
            step: The step.

        Returns:
            The stay.
        """
        return next((stay for stay in reversed(self.stays) if stay.since <= step), Stay())

    def _forget(self) -> None:
        """Forget the oldest stays where those before the present one take too much memory."""
        room = _EARLIER
        for i in range(len(self.stays) - 2, -1, -1):
            sizes = self.stays[i].sizes
            room -= 0 if sizes is None else sizes.size
            if room < 0:
                del self.stays[: i + 1]
                return


def _log_of(groups: int) -> Log:
    """A log of step sizes, with fewer rows where there are many groups."""
    rows = max(16, min(ROWS, _ENTRIES // (groups + 1)) // 2 * 2)
    return Log(groups + 1, rows)
