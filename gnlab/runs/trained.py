"""Which of a model's parameters a run trains; a person may freeze or replace some by hand."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gnlab.errors import InputError
from gnlab.guards import alone

Place = tuple[str, torch.Size, torch.dtype, torch.device]
"""A tensor of a model by its name, and what it is like."""


def places(values: list[tuple[str, Tensor]]) -> tuple[Place, ...]:
    """What tensors are like.

    Args:
        values: Tensors by name.

    Returns:
        The place of each.
    """
    return tuple((name, value.shape, value.dtype, value.device) for name, value in values)


def check_places(then: tuple[Place, ...], now: tuple[Place, ...]) -> None:
    """Raise unless a model's tensors are like those that a run began with, or has kept.

    Args:
        then: What they were like.
        now: What they are like.

    Raises:
        InputError: Naming the first that is another, and the ways on.
    """
    if then == now:
        return
    before, after = ({place[0]: place for place in some} for some in (then, now))
    name = next(n for n in [*before, *after] if before.get(n) != after.get(n))
    raise InputError(
        f"{name!r} is {_like(after.get(name))} now, and was {_like(before.get(name))} earlier in "
        f"this run, which is of one model: {_remedy(before.get(name), after.get(name))}."
    )


def put_flags(model: nn.Module, names: Collection[str]) -> None:
    """Make some of a model's parameters trainable, and freeze the others.

    Args:
        model: The model.
        names: The parameters' names.
    """
    with alone(model):
        for name, p in model.named_parameters():
            if p.requires_grad != (name in names) and p.is_floating_point():
                p.requires_grad_(name in names)


@contextmanager
def training(model: nn.Module, names: Collection[str]) -> Iterator[None]:
    """A context in which some parameters are trainable and no others; as they were after it.

    No other thread summarises the model meanwhile.

    Args:
        model: The model.
        names: The parameters' names.

    Yields:
        Nothing.
    """
    with alone(model):
        before = [n for n, p in model.named_parameters() if p.requires_grad]
        put_flags(model, names)
        try:
            yield
        finally:
            put_flags(model, before)


def _remedy(then: Place | None, now: Place | None) -> str:
    """What to do about a tensor that is another now."""
    if then is not None and now is not None and then[2] != now[2]:  # a run's dtype is its data's
        return f"put it back, run.model.to({then[2]})"
    if now is not None and now[3].type == "meta":
        return "its values are gone; load a saved run, or make a new one"
    return (
        "put it back, or go on in a new run of the model as it is, gnlab.Run(problem=run.problem)"
    )


def _like(place: Place | None) -> str:
    """What a tensor is like, for a message."""
    if place is None:
        return "absent"
    _, shape, dtype, device = place
    return f"{str(dtype).removeprefix('torch.')} {list(shape)} on {device}"
