"""The ladder of a model's levels as a person sees it: name, number of groups, label."""

from torch import nn

from gnlab import partitions
from gnlab.runs.snapshot import Level


def ladder(model: nn.Module) -> tuple[Level, ...]:
    """The levels that a model distinguishes.

    Args:
        model: The model.

    Returns:
        The levels, coarse to fine.
    """
    counted = [(name, partitions.partition(model, name)) for name in partitions.levels(model)]
    return tuple(
        Level(name, split.num_groups, f"S = {split.num_groups}, {partitions.label(name)}")
        for name, split in counted
    )
