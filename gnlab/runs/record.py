"""Records: what one step did, and the history of a run in bounded memory.

Legend: S groups, T rows of the history.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

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
    "seconds",
)
"""The scalar columns of a history."""

ROWS = 1024
_STEP_SIZE_ENTRIES = 2**18


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What one finished step did; immutable. Arrays are float64 on the CPU.

    The fields of the summary are None, and its numbers NaN, when none was made at this step.

    Attributes:
        step: The number of finished steps, this one included: 1 after the first.
        epoch: Passes through the training data, this step included.
        loss: The minibatch's loss before the step.
        val_loss: The validation loss after the step, NaN when it was not measured.
        accuracy: The share of validation samples classified rightly, NaN when not measured.
        partition: The partition's level.
        group: The groups' names, S of them.
        role: The groups' roles.
        g: ḡ, [S].
        H: H̄, [S, S].
        third: D^(3)_sss, signed, [S].
        d: D, [S].
        step_size: η as applied, [S]; None before the first solve and for adam and sgd.
        step_size_solved: η as solved for at this step, before the positive part, [S].
        radius: ‖Dη‖.
        radius_min: r₀, the least radius at which the cubic model is convex.
        eigenvalue_min: The smallest eigenvalue of K.
        regulariser: The diagonal of R = (λ_int/2)‖Dη‖D², [S].
        damping: λ_int.
        lr: λ₁.
        decrease_predicted: Decrease of the loss on the summary batch by the order-2 model.
        decrease_measured: L(θ) − L(θ′) on the summary batch.
        status: The solve's status ("solved", ...), "" without a solve, "nonfinite" also for a
            step that was undone because the loss or a parameter was not finite.
        seconds: Time the step took.
        direction: The direction's name.
    """

    step: int
    epoch: float
    loss: float
    val_loss: float
    accuracy: float
    partition: str
    group: tuple[str, ...]
    role: tuple[str, ...]
    g: Array | None
    H: Array | None
    third: Array | None
    d: Array | None
    step_size: Array | None
    step_size_solved: Array | None
    radius: float
    radius_min: float
    eigenvalue_min: float
    regulariser: Array | None
    damping: float
    lr: float
    decrease_predicted: float
    decrease_measured: float
    status: str
    seconds: float
    direction: str


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
        seconds: Time the step took.
        step_size: η as applied, of the present partition only, [T′, S].
        step_size_step: The steps of the rows of ``step_size``, [T′].
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
    seconds: Array
    step_size: Array
    step_size_step: Array
    groups: tuple[str, ...]
    since_step: int
    stride: int


class Log:
    """Rows of numbers in bounded memory: when full, neighbours merge and the resolution halves.

    It is plain data, so that ``copy.deepcopy`` branches it and ``pickle`` keeps it.

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
        keep = self._count(step)
        if keep < self._filled:
            self._table[keep : self._filled] = math.nan
            # The next step opens a new row: rows may stand for fewer steps, never for more.
            self._filled, self._in_last = keep, self.stride

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
        return History(
            **columns,
            step_size=sizes[:, 1:],
            step_size_step=sizes[:, 0],
            groups=groups,
            since_step=self._since,
            stride=self._scalars.stride,
        )


def _size_log(groups: int) -> Log:
    """A log of step sizes, with fewer rows where there are many groups."""
    rows = max(16, min(ROWS, _STEP_SIZE_ENTRIES // (groups + 1)) // 2 * 2)
    return Log(groups + 1, rows)
