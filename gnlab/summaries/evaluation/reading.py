"""The loss of one batch without derivatives, read again and again as the parameters move.

What a summary's step really brings is the difference of two readings.
"""

from torch import nn

from gnlab.guards.exclusive import alone
from gnlab.guards.graphless import graphless
from gnlab.guards.unmoved import unmoved
from gnlab.summaries.evaluation.batches import Batch
from gnlab.summaries.evaluation.evaluation import LossFunction, device_of
from gnlab.summaries.evaluation.randomness import RandomState, same_random_state


class Reading:
    """The loss of one batch at whatever the parameters are; reading it leaves no trace.

    Every reading sees the same random numbers (dropout), those that a summary made right after
    this was made sees too.

    Args:
        model: The model, in the mode that it shall be read in.
        loss_fn: loss_fn(model(x), y) -> scalar.
        batch: The batch (x, y).
    """

    def __init__(self, model: nn.Module, loss_fn: LossFunction, batch: Batch) -> None:
        self._model, self._loss_fn, self._batch = model, loss_fn, batch
        self._device = device_of(model)
        self._random = RandomState(self._device).hold()

    def loss(self) -> float:
        """Evaluate the loss.

        Returns:
            The loss, in its own unit; NaN or an infinity is returned as such.
        """
        return graphless(self._evaluated)

    def _evaluated(self) -> float:
        with alone(self._model), same_random_state(self._device), unmoved(self._model):
            self._random.restore()
            return float(self._loss_fn(self._model(self._batch[0]), self._batch[1]).detach())
