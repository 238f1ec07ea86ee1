"""What the coming step of a run is measured along, and on: its direction u and its summary batch.

They follow from the run's state alone, so that a question about a step from here has the same
answer after a rewind, in a copy, and in a run that was saved and loaded.
"""

import torch
from torch import Tensor

from gnlab.directions import direction as choose_direction
from gnlab.guards import alone, unmoved
from gnlab.optimizers import GroupedNewton
from gnlab.optimizers.motion import direction_of, trainable
from gnlab.runs.trainer import Purpose, Trainer
from gnlab.summaries import checked_loss

Tensors = dict[str, Tensor]
Batch = tuple[Tensor, Tensor]


def proposal(trainer: Trainer, phase: str) -> tuple[Tensors, Batch]:
    """The direction of the coming step and its summary batch; of a step that was begun, its own.

    Args:
        trainer: Makes the steps; nothing is changed by it.
        phase: The phase of the coming step that was made last, "" for none.

    Returns:
        u by parameter name, and the batch. For another optimizer than the grouped Newton method,
        or if parameters were frozen, unfrozen or replaced since the last step, the gradient on a
        summary batch, and that batch.
    """
    grouped = trainer.grouped
    if grouped is None or trainer.stale:
        batch = trainer.batch(Purpose.summary, trainer.drawn)
        found = gradient_of(trainer, batch, Purpose.summary)
        named = trainable(trainer.model)
        u = {n: found[n] if n in found else torch.zeros_like(p) for n, p in named.items()}
        return u, batch
    u = dict(grouped.direction) if phase else _coming(trainer, grouped)
    if phase in {"summary", "solve"} and grouped.summary_batch is not None:
        return u, grouped.summary_batch
    return u, trainer.batch(Purpose.summary, grouped.summaries)


def gradient_of(trainer: Trainer, batch: Batch, purpose: Purpose) -> Tensors:
    """The gradient of the loss on a batch; nothing is changed by it.

    Args:
        trainer: Has the model and the loss.
        batch: Inputs and targets.
        purpose: What the gradient is for: the model draws its random numbers accordingly.

    Returns:
        The gradient by parameter name, without parameters that the loss does not depend on.
    """
    x, y = batch
    model = trainer.model
    with alone(model), trainer.seeded(purpose), torch.enable_grad(), unmoved(model):
        named = trainable(model)
        loss = checked_loss(trainer.problem.loss_fn(model(x), y))
        found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {n: g for n, g in zip(named, found, strict=True) if g is not None}


def _coming(trainer: Trainer, grouped: GroupedNewton) -> Tensors:
    """The direction that the coming step will take; its gradient is not remembered."""
    batch = trainer.batch(Purpose.gradient, trainer.drawn)
    given = gradient_of(trainer, batch, Purpose.gradient)
    rule = choose_direction(grouped.settings["direction"], momentum=grouped.settings["momentum"])
    return direction_of(rule, trainable(trainer.model), given, grouped.state)[0]
