"""Checkpoints: the states a run can go back to, in bounded memory.

Everything the next step needs is in one state: parameters and buffers, the optimizer's state, the
position in the data, the settings. There is no random state in it, because every random choice
is a pure function of the seed and the step.
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton
from gnlab.runs.flat import Flat
from gnlab.runs.records.record import Record
from gnlab.runs.settings import Settings

BUDGET = 256 * 2**20
COUNT = 192
_DENSE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A run's state after a step; shares no memory with the run.

    Attributes:
        step: Finished steps.
        drawn: Batches drawn for gradients at the present batch size.
        settings: The settings with which the next step would be made.
        flat: Parameters and buffers.
        optimizer: The optimizer's ``state_dict``.
        record: The latest step's record.
        summary: The latest record that has a summary.
        size: Bytes of its tensors.
        trained: The parameters that the next step would train, by name.
        frozen: The modules that stay in evaluation mode, by their places.
    """

    step: int
    drawn: int
    settings: Settings
    flat: Flat
    optimizer: dict[str, Any]
    record: Record | None
    summary: Record | None
    size: int
    trained: tuple[str, ...]
    frozen: tuple[int, ...] = ()


class Checkpoints:
    """The kept states: recent steps densely, older ones ever more sparsely, the start always.

    When the states take more bytes than the budget or are more than the count, the one goes whose
    neighbours are closest in proportion to its age. The start and the two newest are never let
    go, so that a failed step can be undone; a model of which three states exceed the budget
    exceeds it therefore.

    Args:
        budget: Bytes that the states may take.
        count: How many there may be.
    """

    def __init__(self, budget: int = BUDGET, count: int = COUNT) -> None:
        self.budget, self.count = budget, count
        self._kept: list[Checkpoint] = []
        self._steps = array("q")  # as an array numpy can look into without a copy
        self._bytes = 0

    @property
    def steps(self) -> tuple[int, ...]:
        """The kept steps, ascending."""
        return tuple(self._steps)

    def keep(self, state: Checkpoint) -> None:
        """Keep a state, in place of the one of the same step; later ones stay.

        Args:
            state: The state.
        """
        at = bisect_left(self._steps, state.step)
        if at < len(self._steps) and self._steps[at] == state.step:
            self._drop(at)
        self._kept.insert(at, state)
        self._steps.insert(at, state.step)
        self._bytes += state.size
        self._thin()

    def limit(self, budget: int) -> None:
        """Take less room, or more.

        Args:
            budget: Bytes that the states may take from now on.
        """
        self.budget = budget
        self._thin()

    def _thin(self) -> None:
        """Let states go until the limits are kept."""
        while len(self._kept) > 3 and (self._bytes > self.budget or len(self._kept) > self.count):
            self._drop(self._least_missed())

    def get(self, step: int) -> Checkpoint:
        """The state after a step.

        Args:
            step: A kept step.

        Returns:
            The state.

        Raises:
            InputError: If the step is not kept; the message says which are.
        """
        at = bisect_left(self._steps, step)
        if at == len(self._steps) or self._steps[at] != step:
            near = min(self._steps, key=lambda kept: (abs(kept - step), kept))
            first, last, count = self._steps[0], self._steps[-1], len(self._steps)
            kept = f"{count} steps from {first} to {last} are, the nearest is {near}"
            one = f"step {first} alone is"
            raise InputError(f"step {step} is not kept; {kept if count > 1 else one}.")
        return self._kept[at]

    def before(self, step: int) -> Checkpoint | None:
        """The newest state before a step.

        Args:
            step: The step.

        Returns:
            The state, or None.
        """
        at = bisect_left(self._steps, step)
        return self._kept[at - 1] if at else None

    def drop_after(self, step: int) -> None:
        """Let go of what is after a step.

        Args:
            step: The last step to keep.
        """
        while self._steps and self._steps[-1] > step:
            self._drop(len(self._steps) - 1)

    def copy(self) -> "Checkpoints":
        """Another collection of the same states, which are immutable."""
        other = Checkpoints(self.budget, self.count)
        other._kept, other._steps, other._bytes = self._kept[:], self._steps[:], self._bytes
        return other

    def _drop(self, at: int) -> None:
        self._bytes -= self._kept.pop(at).size
        del self._steps[at]

    def _least_missed(self) -> int:
        """The position of the state to let go of."""
        steps = np.array(self._steps)
        # The most recent are kept densely as far as the room goes: never more than half of it.
        recent = max(2, min(_DENSE, len(steps) // 2))
        gaps = steps[2:] - steps[:-2]
        ages = steps[-1] - steps[1:-1] + 1
        candidates = (gaps / ages)[: max(1, len(steps) - 1 - recent)]
        return 1 + int(np.argmin(candidates))


def capture(
    flat: Flat,
    optimizer: torch.optim.Optimizer,
    step: int,
    drawn: int,
    settings: Settings,
    shown: tuple[Record | None, Record | None],
    trained: tuple[str, ...],
    frozen: tuple[int, ...],
) -> Checkpoint:
    """A run's state, on the device it is on.

    Args:
        flat: A copy of the model's values.
        optimizer: The optimizer, whose state is copied.
        step: Finished steps.
        drawn: Batches drawn.
        settings: The present settings.
        shown: The latest record and the latest with a summary.
        trained: The parameters that are trained, by name.
        frozen: The modules that are in evaluation mode, by their places.

    Returns:
        The state.
    """
    state = optimizer.state_dict()
    if not isinstance(optimizer, GroupedNewton):  # which makes new tensors at every step
        state = cloned(state)
    arrays = [a for r in shown if r is not None for a in (r.H, r.H_parts) if a is not None]
    size = flat.nbytes + _nbytes(state) + sum(array.nbytes for array in arrays)
    return Checkpoint(step, drawn, settings, flat, state, *shown, size, trained, frozen)


def cloned(value: Any) -> Any:
    """A nested dictionary or list with every tensor copied.

    Args:
        value: The nest.

    Returns:
        The copy.
    """
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: cloned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cloned(item) for item in value]
    return value


def _nbytes(value: Any) -> int:
    """The bytes of the tensors in a nest."""
    if isinstance(value, Tensor):
        return value.nbytes
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(_nbytes(item) for item in items)
