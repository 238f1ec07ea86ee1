"""Columns: the variables of a record on disk, with their dimensions, units and names.

Legend: S groups, m rows of H̄ as it is kept, T steps, K kinds of operation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnlab.cubic import Status
from gnlab.runs.records import bundles
from gnlab.runs.records.record import KINDS, Array, Record

STATUSES = ("", *(status.name for status in Status))
"""What the codes of the variable ``status`` mean, from 0."""


@dataclass(frozen=True, slots=True)
class Column:
    """One variable.

    Attributes:
        name: Its name, in the record and on disk.
        axes: How many axes follow the step's: one of length S, or two of length m.
        long_name: For a person.
        units: Of its values; "loss" stands for the unit of the loss.
        kinds: Whether an axis of the kinds of operation follows the step's.
    """

    name: str
    axes: int
    long_name: str
    units: str = "1"
    kinds: bool = False

    def dimensions(self, roles: tuple[str, ...]) -> tuple[str, ...]:
        """The names of its dimensions.

        Args:
            roles: The groups' roles.

        Returns:
            The names; of many groups H̄ is over bundles.
        """
        rows = "bundle" if self.axes == 2 and bundles.are_bundled(roles) else "group"
        return ("step", *(["kind"] if self.kinds else []), *(rows, f"{rows}_")[: self.axes])

    def shape(self, roles: tuple[str, ...]) -> tuple[int, ...]:
        """The shape of one step's value.

        Args:
            roles: The groups' roles, S of them.

        Returns:
            The lengths of its dimensions, but for the step's.
        """
        rows = len(bundles.begins(roles)) if self.axes == 2 else len(roles)
        return (*([len(KINDS)] if self.kinds else []), *[rows] * self.axes)

    def values(self, records: list[Record], roles: tuple[str, ...]) -> NDArray[np.generic]:
        """The variable's values over some steps.

        Args:
            records: The steps, T of them.
            roles: The groups' roles, S of them.

        Returns:
            [T], [T, S], [T, m, m] or [T, K, m, m]; NaN where a record has none.
        """
        if self.name == "status":
            return np.array([STATUSES.index(record.status) for record in records], dtype=np.int8)
        if self.name == "step":
            return np.array([record.step for record in records], dtype=np.int64)
        rows: Array = np.full((len(records), *self.shape(roles)), math.nan)
        for row, record in enumerate(records):
            value = getattr(record, self.name)
            if value is not None:
                rows[row] = value
        return rows


SCALARS = (
    Column("epoch", 0, "passes through the training data"),
    Column("loss", 0, "minibatch loss before the step", "loss"),
    Column("val_loss", 0, "validation loss after the step", "loss"),
    Column("accuracy", 0, "validation accuracy after the step"),
    Column("lr", 0, "factor on the step sizes"),
    Column("damping", 0, "internal damping of the cubic term"),
    Column("radius", 0, "‖Dη‖", "loss^(1/3)"),
    Column("radius_min", 0, "least radius at which the cubic model is convex", "loss^(1/3)"),
    Column("eigenvalue_min", 0, "smallest eigenvalue of K", "loss^(1/3)"),
    Column("decrease_predicted", 0, "decrease predicted by the order-2 model", "loss"),
    Column("decrease_measured", 0, "decrease measured on the summary batch", "loss"),
    Column("taken", 0, "share of the step that the safeguard let through"),
    Column("status", 0, "status of the cubic solve"),
    Column("seconds", 0, "time the step took", "s"),
)
GROUPED = (
    Column("g", 1, "gradient according to the partition", "loss"),
    Column("third", 1, "pure third derivative of each group", "loss"),
    Column("d", 1, "diagonal of the cubic term", "loss^(1/3)"),
    Column("step_size", 1, "step sizes as applied"),
    Column("step_size_solved", 1, "step sizes as solved for"),
    Column("regulariser", 1, "diagonal of the matrix that regularises H", "loss"),
    Column("H_diagonal", 1, "diagonal of the Hessian according to the partition", "loss"),
    Column("H", 2, "Hessian according to the partition", "loss"),
    Column("H_parts", 2, "parts of H by kind of operation, whose sum is H", "loss", kinds=True),
)
STEP = Column("step", 0, "finished steps")
