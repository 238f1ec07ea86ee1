"""The optimizer that settings name, and the parameters that it took."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gnlab.guards import alone
from gnlab.optimizers import GroupedNewton
from gnlab.optimizers.motion import check_trainable, trainable
from gnlab.partitions import Partition
from gnlab.problems import Problem
from gnlab.runs.settings import Settings
from gnlab.runs.trained import check_places, places


def build(
    problem: Problem,
    settings: Settings,
    partition: Partition,
    summary_batch: Callable[[int], tuple[Tensor, Tensor]],
) -> torch.optim.Optimizer:
    """The optimizer, new.

    Args:
        problem: The problem, whose model is to be trained.
        settings: The choices.
        partition: The groups of the model's trainable parameters.
        summary_batch: The batch for a summary, by the number of those drawn before.

    Returns:
        The optimizer.
    """
    if settings.optimizer != "grouped-newton":
        moved, choices = list(every(problem.model).values()), torch_choices(settings)
        kind: Any = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.SGD
        made: torch.optim.Optimizer = kind(moved, **choices)
        return made
    return GroupedNewton(
        problem.model,
        problem.loss_fn,
        summary_batch,
        partition,
        lr=settings.lr,
        damping=settings.damping,
        period=settings.period,
        direction=settings.direction,
        momentum=settings.momentum,
        step_momentum=settings.step_momentum,
        safeguard=settings.safeguard,
        curvature=settings.curvature,
        parts=True,
    )


def every(model: nn.Module) -> dict[str, nn.Parameter]:
    """A model's parameters by name: torch's optimizers pass over those that are frozen.

    Args:
        model: The model.

    Returns:
        All of them, so that some may be frozen or unfrozen at any time.
    """
    with alone(model):
        return dict(model.named_parameters())


def torch_choices(settings: Settings) -> dict[str, Any]:
    """What a torch optimizer is told.

    Args:
        settings: The choices.

    Returns:
        Its hyperparameters.
    """
    if settings.optimizer == "adam":
        return {"lr": settings.lr, "betas": (settings.momentum, 0.999)}
    return {"lr": settings.lr, "momentum": settings.momentum}


class Taken:
    """The parameters that an optimizer took of a model, to compare with what the model has now.

    Args:
        model: The model, as the run begins with it.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model, self._places = model, places(list(every(model).items()))
        self._named: dict[str, nn.Parameter] = {}

    def take(self, optimizer: torch.optim.Optimizer) -> None:
        """Remember what an optimizer has just taken.

        Args:
            optimizer: The optimizer.
        """
        self._named = self._movable(optimizer)

    def are_others(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether an optimizer would take others now.

        Args:
            optimizer: The optimizer.

        Returns:
            Whether it would.
        """
        now = self._movable(optimizer)
        if now.keys() != self._named.keys():
            return True
        return any(now[name] is not p for name, p in self._named.items())

    def check(self, optimizer: torch.optim.Optimizer) -> None:
        """Raise unless the model has what the run began with, and the optimizer took.

        Args:
            optimizer: The optimizer.

        Raises:
            InputError: Naming the first parameter that is another, and the way on.
        """
        held = every(self._model)  # looked for once, as it is at every step
        check_places(self._places, places(list(held.items())))
        if isinstance(optimizer, GroupedNewton):
            held = {name: p for name, p in held.items() if p.requires_grad}
        check_trainable(self._model, self._named, held)

    def check_places(self) -> None:
        """Raise unless the model's parameters are like those that the run began with.

        Raises:
            InputError: Naming the first that is not, and the ways on.
        """
        check_places(self._places, places(list(every(self._model).items())))

    def _movable(self, optimizer: torch.optim.Optimizer) -> dict[str, nn.Parameter]:
        """What an optimizer would take now."""
        own = isinstance(optimizer, GroupedNewton)
        return trainable(self._model) if own else every(self._model)


def take_parameters(optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    """Have one of torch's optimizers move the parameters that a model has now, and no others.

    Args:
        optimizer: The optimizer; it keeps what it remembers of those that it had already.
        model: The model.
    """
    kept = optimizer.param_groups[0]["params"] = list(every(model).values())
    for p in set(optimizer.state) - set(kept):
        del optimizer.state[p]
