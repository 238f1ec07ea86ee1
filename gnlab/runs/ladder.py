"""The ladder of a model's levels as a person sees it: name, number of groups, label."""

from torch import nn

from gnlab import partitions
from gnlab.runs.snapshot import Level

_LABELS = {
    "all": "one group for all",
    "role": "weights, biases",
    "tensor": "one group per tensor",
    "layer": "one group per layer",
}


def _level(model: nn.Module, name: str) -> Level:
    """A level with its label for a person."""
    groups = partitions.partition(model, name).num_groups
    chunks = name.removeprefix("chunk:")
    label = _LABELS.get(name, f"{chunks} chunks by role" if chunks != name else name)
    return Level(name, groups, f"S = {groups}, {label}")


def ladder(model: nn.Module) -> tuple[Level, ...]:
    """The levels that a model distinguishes.

    Args:
        model: The model.

    Returns:
        The levels, coarse to fine.
    """
    return tuple(_level(model, name) for name in partitions.levels(model))
