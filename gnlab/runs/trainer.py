"""The trainer: a problem, a partition and an optimizer put together; makes one phase at a time.

It knows how a step is made, not what is remembered of it: that is the run's.

Legend: u direction.
"""

import enum
import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from gnlab.cubic import CubicSolution
from gnlab.guards import alone
from gnlab.optimizers import GroupedNewton, StepInfo
from gnlab.optimizers.motion import trainable
from gnlab.problems import Batches, Problem, Stream
from gnlab.runs.builders import Taken, build, take_parameters, torch_choices
from gnlab.runs.modes import Modes
from gnlab.runs.randomness import seeded
from gnlab.runs.settings import OWN, Settings
from gnlab.runs.trained import training
from gnlab.runs.validation import Validation, Validator
from gnlab.summaries import Summary, checked_loss, summarisable

PHASES = ("gradient", "summary", "solve", "update")
_GROUPED = (
    "partition", "lr", "damping", "period", "direction", "momentum", "step_momentum", "safeguard",
    "curvature",
)  # fmt: skip


class Purpose(enum.Enum):
    """What the model is called for in a step; each draws its own random numbers."""

    gradient, summary, validation = 0, 1, 2


class Trainer:
    """Makes the phases of a step.

    Args:
        problem: The problem; its model is trained in place.
        settings: The choices.

    Raises:
        InputError: If a batch is larger than the data or the partition does not fit the model.
    """

    def __init__(self, problem: Problem, settings: Settings) -> None:
        self.problem, self.model, self.modes = problem, problem.model, Modes(problem.model)
        first = next(problem.model.parameters())
        self.device, self.dtype = first.device, first.dtype
        self.settings = settings
        self.drawn = 0
        self.taken = Taken(problem.model)
        self.batches, self.summary_batches = self._orders(settings)
        self.partition = summarisable(self.model, settings.partition)
        self.optimizer = self._build(settings)
        self._validator = Validator(problem, self.device, self.dtype)
        self._found: tuple[Summary | None, CubicSolution | None] = (None, None)

    @property
    def grouped(self) -> GroupedNewton | None:
        """The optimizer if it is the grouped Newton method."""
        return self.optimizer if isinstance(self.optimizer, GroupedNewton) else None

    @property
    def info(self) -> StepInfo | None:
        """What the grouped Newton method did in the last step."""
        return self.optimizer.info if isinstance(self.optimizer, GroupedNewton) else None

    @property
    def pending(self) -> StepInfo | None:
        """What the phases of the unfinished step have found so far."""
        grouped = self.grouped
        if grouped is None:
            return None
        return StepInfo(grouped.steps + 1, *self._found, grouped.step_sizes, None, updated=False)

    @property
    def epoch(self) -> float:
        """Passes through the training data."""
        return self.batches.epoch(self.drawn)

    @property
    def trained(self) -> tuple[str, ...]:
        """The parameters that a step trains, by name."""
        return tuple(trainable(self.model) if self.grouped is None else self.partition.shapes)

    @property
    def stale(self) -> bool:
        """Whether parameters were frozen, unfrozen or replaced since the optimizer took them."""
        others = self.taken.are_others(self.optimizer)
        return others or self.trained != tuple(self.partition.shapes)

    def check(self) -> None:
        """Raise unless a step can begin with the model's parameters as they are.

        Raises:
            InputError: If some are not as the run began, or not those that the optimizer took.
        """
        self.taken.check(self.optimizer)
        own = not isinstance(self.settings.partition, str)
        if self.grouped is None and not own and self.stale:  # torch's optimizers just go on
            self.partition = summarisable(self.model, self.settings.partition)

    def after(self, phase: str) -> str:
        """The phase that follows in this step.

        Args:
            phase: The phase made last, "" for none.

        Returns:
            The next phase.
        """
        grouped = self.grouped
        if phase == "gradient" and (grouped is None or not grouped.due):
            return "update"
        return PHASES[PHASES.index(phase) + 1] if phase else "gradient"

    def gradient(self) -> tuple[float, bool]:
        """Phase 1: the loss and its gradient on the next minibatch, and the direction.

        Returns:
            The loss, and whether all inputs of the batch are finite (looked at only if the loss
            is not).
        """
        x, y = self.batch(Purpose.gradient, self.drawn)
        self.modes.train()
        with alone(self.model), self.seeded(Purpose.gradient), torch.enable_grad():
            self.optimizer.zero_grad()
            loss = checked_loss(self.problem.loss_fn(self.model(x), y))
            torch.autograd.backward(loss)
        value = loss.item()
        if not math.isfinite(value):
            return value, bool(x.isfinite().all())
        if self.grouped is not None:
            self.grouped.propose()
        return value, True

    def summary(self) -> bool:
        """Phase 2: the summary along u on the next summary batch.

        Returns:
            Whether all inputs of the batch are finite; looked at only if the summary is not.
        """
        grouped = self.grouped
        assert grouped is not None
        with self.seeded(Purpose.summary):
            found = grouped.measure()
        self._found = (found, None)
        batch = grouped.summary_batch
        return batch is None or bool(found.g.isfinite().all() or batch[0].isfinite().all())

    def solve(self) -> None:
        """Phase 3: the cubic solve."""
        assert self.grouped is not None
        self._found = (self._found[0], self.grouped.solve())

    def update(self) -> None:
        """Phase 4: move the parameters."""
        with alone(self.model):
            if self.grouped is not None:
                self.grouped.update()
            else:
                self.optimizer.step()
        self.drawn += 1

    def decrease(self) -> float:
        """L(θ) − L(θ′) on the summary batch, after an update that had a summary."""
        found = None if self.grouped is None else self.grouped.decrease()
        return math.nan if found is None else found

    @property
    def validation_due(self) -> bool:
        """Whether to validate after this step."""
        return self._validator.due(self.drawn, self.batches)

    def validate(self) -> Validation:
        """The loss and the accuracy on the first validation samples, in evaluation mode."""
        with alone(self.model), self.seeded(Purpose.validation):
            return self._validator.measure(self.model)

    def few(self, most: int = 4) -> Tensor:
        """The inputs of a few samples of the next summary batch, decoded."""
        indices = self.summary_batches.indices(0)[:most]
        return self.problem.train.batch(indices, self.device, self.dtype)[0]

    def batch(self, purpose: Purpose, number: int) -> tuple[Tensor, Tensor]:
        """A training batch, decoded, on the model's device and in its dtype.

        Args:
            purpose: What it is for.
            number: Which of them, from 0.

        Returns:
            Inputs and targets.
        """
        order = self.batches if purpose is Purpose.gradient else self.summary_batches
        return self.problem.train.batch(order.indices(number), self.device, self.dtype)

    def seeded(self, purpose: Purpose) -> AbstractContextManager[None]:
        """A context in which the model draws what it draws in the coming step, for a purpose.

        The named problems' networks draw nothing.
        """
        if not self.settings.preset.startswith(OWN):
            return nullcontext()
        return seeded(self.device, self.settings.seed, self.drawn, purpose.value)

    def change(self, settings: Settings) -> None:
        """Take new settings in the middle of a run; nothing is changed if they do not fit.

        Args:
            settings: The new settings.

        Raises:
            InputError: If a batch is larger than the data or the partition does not fit.
        """
        self.taken.check_places()
        old, stale = self.settings, self.stale
        orders = self._orders(settings)
        partition = self.partition
        if stale or settings.partition != old.partition:
            partition = summarisable(self.model, settings.partition)
        self.drawn = orders[0].after(self.batches, self.drawn)
        self.settings, self.partition = settings, partition
        self.batches, self.summary_batches = orders
        if settings.optimizer != old.optimizer:
            self.optimizer = self._build(settings)
            return
        if self.grouped is not None:
            self.grouped.change(**self._differences(old, settings, again=stale))
        else:
            take_parameters(self.optimizer, self.model)
            self.optimizer.param_groups[0].update(torch_choices(settings))
        self.taken.take(self.optimizer)

    def resume(
        self, settings: Settings, drawn: int, optimizer: dict[str, Any], trained: tuple[str, ...]
    ) -> None:
        """Go to where a checkpoint was made; the model's values are put there by ``flat.put``.

        Args:
            settings: The settings at the time.
            drawn: Batches drawn.
            optimizer: The optimizer's state, which becomes this trainer's own.
            trained: The parameters that were trained; what is frozen now stays so.

        Raises:
            InputError: If the state is of another model or optimizer.
        """
        self.batches, self.summary_batches = self._orders(settings)
        same = trained == tuple(self.partition.shapes)
        with training(self.model, trained):
            if settings.partition != self.settings.partition or not same:
                self.partition = summarisable(self.model, settings.partition)
            self.settings, self.drawn = settings, drawn
            self.optimizer = self._build(settings)
        self.optimizer.load_state_dict(optimizer)

    def _differences(self, old: Settings, new: Settings, *, again: bool) -> dict[str, Any]:
        """What the grouped Newton method has to be told of a change."""
        changed = {
            name: getattr(new, name)
            for name in _GROUPED
            if getattr(new, name) != getattr(old, name)
        }
        if again or "partition" in changed:
            changed["partition"] = self.partition.to(self.device)
        return changed

    def _orders(self, settings: Settings) -> tuple[Batches, Batches]:
        """The orders of the data for gradients and for summaries."""
        size, seed = len(self.problem.train), settings.seed
        summary = settings.summary_batch_size
        return (
            Batches(size, settings.batch_size, seed, Stream.train_batches),
            Batches(size, summary, seed, Stream.summary_batches),
        )

    def _build(self, settings: Settings) -> torch.optim.Optimizer:
        """The optimizer, new."""
        groups = self.partition.to(self.device)
        # Looked up at each draw, so that a change of the batch size takes effect.
        made = build(self.problem, settings, groups, lambda n: self.batch(Purpose.summary, n))
        self.taken.take(made)
        return made
