"""Validation: the loss and the accuracy on samples that are not trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gnlab.guards.graphless import graphless
from gnlab.guards.unmoved import unmoved
from gnlab.problems import Batches, Problem
from gnlab.runs.modes import evaluating
from gnlab.summaries.loaders.normalisers import Known, known

SAMPLES = 1000
_CHUNK = 250


@dataclass(frozen=True, slots=True)
class Validation:
    """A measurement on the first validation samples, in their fixed order.

    Attributes:
        loss: The mean loss.
        accuracy: The share classified rightly; NaN where there are no classes.
    """

    loss: float = math.nan
    accuracy: float = math.nan


class Validator:
    """Measures a model on the first validation samples of a problem.

    Args:
        problem: The problem.
        device: Where the model is.
        dtype: The model's dtype.
    """

    def __init__(self, problem: Problem, device: torch.device, dtype: torch.dtype) -> None:
        self._problem, self._device, self._dtype = problem, device, dtype
        self._kept: Sequence[tuple[Tensor, Tensor]] | None = None

    def due(self, drawn: int, batches: Batches) -> bool:
        """Whether to validate after a step.

        It is after the first, at the end of each epoch, and every so many steps that its forward
        passes are at most a tenth of the training's work (a step counted as three forwards).

        Args:
            drawn: Batches drawn so far.
            batches: Their order.

        Returns:
            Whether it is due; never without validation samples.
        """
        data = self._problem.validation
        if data is None or not len(data):
            return False
        every = math.ceil(min(len(data), SAMPLES) / (0.3 * batches.batch_size))
        return drawn == 1 or drawn % every == 0 or drawn % batches.per_epoch == 0

    def measure(self, model: nn.Module) -> Validation:
        """The loss and the accuracy, in evaluation mode; the model is as it was after it.

        Args:
            model: The model.

        Returns:
            Both; NaN without validation samples, the accuracy where the output has no class for
            each target.
        """
        return graphless(lambda: self._measured(model))

    def _measured(self, model: nn.Module) -> Validation:
        loss_fn = self._problem.loss_fn
        usual = known(loss_fn)
        losses, weights, right, count = [], [], 0, 0
        with evaluating(model), unmoved(model):
            for x, y in self._batches():
                output = model(x)
                losses.append(loss_fn(output, y).item())
                weights.append(float(len(y) if usual is None else usual.weight(output, y)))
                agreed, counted = _agreement(output, y)
                right, count = right + agreed, count + counted
        accurate = right / count if self._problem.classes is not None and count else math.nan
        return Validation(_together(losses, weights, usual), accurate)

    def _batches(self) -> Sequence[tuple[Tensor, Tensor]]:
        """The validation samples, decoded once and kept."""
        data = self._problem.validation
        if self._kept is None and data is not None and len(data):
            chosen = torch.arange(min(len(data), SAMPLES), device="cpu")
            self._kept = [
                data.batch(part, self._device, self._dtype) for part in torch.split(chosen, _CHUNK)
            ]
        return self._kept or ()


def _together(losses: list[float], weights: list[float], usual: Known | None) -> float:
    """The loss of all samples from those of some at a time."""
    if usual is not None and usual.is_sum:
        return math.fsum(losses) if losses else math.nan
    # Where every target is ignored, a loss is 0/0 and has no part in the mean.
    parts = [weight * loss for loss, weight in zip(losses, weights, strict=True) if weight]
    return math.fsum(parts) / math.fsum(weights) if parts else math.nan


def _agreement(output: Any, targets: Tensor) -> tuple[int, int]:
    """How many targets an output has the right class for, and of how many it has any."""
    if not isinstance(output, Tensor) or not output.numel():
        return 0, 0
    if output.dim() > 1 and output.shape[1] > 1:
        classes = output.argmax(1)
        if targets.shape == output.shape and targets.is_floating_point():
            targets = targets.argmax(1)
        if targets.shape != classes.shape:
            return 0, 0
        counted = targets >= 0  # below are those to be ignored
        return int(((classes == targets) & counted).sum()), int(counted.sum())
    if output.numel() != targets.numel():
        return 0, 0
    agreed = (output.reshape(-1) > 0) == (targets.reshape(-1) > 0.5)
    return int(agreed.sum()), targets.numel()
