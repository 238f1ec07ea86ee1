"""Columns: the variables of a record on disk, with their dimensions, units and names.

Legend: S groups, T steps.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnlab.cubic import Status
from gnlab.runs.record import Array, Record

STATUSES = ("", *(status.name for status in Status))
"""What the codes of the variable ``status`` mean, from 0."""


@dataclass(frozen=True, slots=True)
class Column:
    """One variable.

    Attributes:
        name: Its name, in the record and on disk.
        axes: How many axes of length S follow the step's.
        long_name: For a person.
        units: Of its values; "loss" stands for the unit of the loss.
    """

    name: str
    axes: int
    long_name: str
    units: str = "1"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of its dimensions."""
        return ("step", "group", "group_")[: 1 + self.axes]

    def values(self, records: list[Record], groups: int) -> NDArray[np.generic]:
        """The variable's values over some steps.

        Args:
            records: The steps, T of them.
            groups: S.

        Returns:
            [T], [T, S] or [T, S, S]; NaN where a record has none.
        """
        if self.name == "status":
            return np.array([STATUSES.index(record.status) for record in records], dtype=np.int8)
        if self.name == "step":
            return np.array([record.step for record in records], dtype=np.int64)
        rows: Array = np.full((len(records), *[groups] * self.axes), math.nan)
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
    Column("H", 2, "Hessian according to the partition", "loss"),
)
STEP = Column("step", 0, "finished steps")
