"""Validation: the loss and the accuracy on samples that are not trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gnlab.problems import Batches, Problem

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

    @torch.no_grad()
    def measure(self, model: nn.Module) -> Validation:
        """The loss and the accuracy, in evaluation mode; the model is in training mode after it.

        Args:
            model: The model.

        Returns:
            Both; NaN without validation samples.
        """
        total, right, count = 0.0, 0, 0
        model.eval()
        for x, y in self._batches():
            out = model(x)
            total += self._problem.loss_fn(out, y).item() * len(y)
            count += len(y)
            if self._problem.classes is not None:
                right += int((out.argmax(dim=1) == y).sum())
        model.train()
        if not count:
            return Validation()
        accurate = right / count if self._problem.classes is not None else math.nan
        return Validation(total / count, accurate)

    def _batches(self) -> Sequence[tuple[Tensor, Tensor]]:
        """The validation samples, decoded once and kept."""
        data = self._problem.validation
        if self._kept is None and data is not None and len(data):
            chosen = torch.arange(min(len(data), SAMPLES))
            self._kept = [
                data.batch(part, self._device, self._dtype) for part in torch.split(chosen, _CHUNK)
            ]
        return self._kept or ()
