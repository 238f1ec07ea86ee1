"""What GroupedNewton keeps of itself in a ``state_dict``, and whose a state is.

A step size belongs to a group, and momentum to a parameter; both are only right in an optimizer
of the same parameters, grouped in the same way. So a state has the parameters' shapes and a digest
of the partition in it.
"""

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gnlab.errors import InputError
from gnlab.partitions import Partition

KEY = "grouped_newton"
"""Where a state_dict has what is not torch's own."""


def identity(partition: Partition) -> dict[str, Any]:
    """What tells a partition of one model from another.

    Args:
        partition: The partition.

    Returns:
        The groups' names, the parameters' shapes, and a digest of which element is in which group.
    """
    shapes = {name: list(shape) for name, shape in partition.shapes.items()}
    return {"groups": list(partition.names), "shapes": shapes, "digest": _digest(partition)}


def check(state_dict: Mapping[str, Any], partition: Partition) -> dict[str, Any]:
    """Raise unless a state is of the same parameters in the same groups.

    Args:
        state_dict: The state. What an older version did not write yet is not compared.
        partition: The partition of the optimizer that is to take it.

    Returns:
        The part of the state that is not torch's own.

    Raises:
        InputError: If it is another optimizer's, another model's or another partition's.
    """
    own: dict[str, Any] | None = state_dict.get(KEY)
    if own is None:
        raise InputError(f"the state_dict is of another optimizer: no {KEY!r} in it.")
    mine = {name: list(shape) for name, shape in partition.shapes.items()}
    theirs = own.get("shapes", mine)
    if mine != theirs:
        name = next(n for n in [*mine, *theirs] if mine.get(n) != theirs.get(n))
        raise InputError(
            f"the state_dict is of another model: parameter {name!r} has shape "
            f"{theirs.get(name, 'none')} in it, {mine.get(name, 'none')} in this one."
        )
    if tuple(own["groups"]) != partition.names:
        raise InputError(
            f"the state_dict has S = {len(own['groups'])} groups, the optimizer's partition "
            f"{partition.level!r} S = {partition.num_groups}; build it with the same."
        )
    if own.get("digest") not in (None, _digest(partition)):
        raise InputError(
            "the state_dict is of another partition: its groups have the same names, but other "
            "parameters in them; build the optimizer with the same."
        )
    return own


def completed(state_dict: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Torch's own part of a state, with settings that an older version did not have yet.

    Args:
        state_dict: The state.
        defaults: The settings of the optimizer that is to take it.

    Returns:
        The part.
    """
    groups = [{**defaults, **group} for group in state_dict["param_groups"]]
    return {k: v for k, v in state_dict.items() if k != KEY} | {"param_groups": groups}


# A state is made at every checkpoint, a partition seldom; on a GPU it would wait each time.
@functools.lru_cache(maxsize=2)
def _digest(partition: Partition) -> str:
    """A digest of which element is in which group, the same on every device."""
    digest = hashlib.sha256()
    for name, shape in partition.shapes.items():
        owner = _narrowest(partition.groups[name].cpu(), len(shape))
        digest.update(f"{name} {list(owner.shape)} ".encode())
        digest.update(owner.contiguous().numpy().astype("<i8").tobytes())
    return digest.hexdigest()


def _narrowest(owner: Tensor, dims: int) -> Tensor:
    """The group numbers of a parameter, of size one along what they do not distinguish."""
    owner = owner.reshape((1,) * (dims - owner.dim()) + owner.shape)
    for k in range(dims):
        first = owner[(slice(None),) * k + (slice(1),)]
        if bool((owner == first).all()):
            owner = first
    return owner
