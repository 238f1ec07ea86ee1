"""How many groups can be summarised: H̄ and the solve's matrices are as large as their square.

Legend: S groups, P parameters.
"""

import math
import sys
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from gnlab import partitions
from gnlab.errors import InputError
from gnlab.partitions import Partition
from gnlab.summaries.chunks import free_memory
from gnlab.summaries.evaluation.evaluation import device_of

CPU, GPU = 5_000, 20_000
"""The largest S on a CPU, and on a GPU."""

ORDER = 100
"""The largest order: for each there is an axis, and a call within the calls for those below."""

# For each entry of H̄, what a run's step takes: H̄'s parts in float64, seven of a network of three
# layers, all of them in the dtype of the loss, what a solve makes of it, and the step's record.
_BYTES = 136.0
_SMALL = 1_000  # groups whose matrices fit anywhere, without looking


def most_groups(device: torch.device | str) -> int:
    """The largest S that can be summarised and solved on a device, by its kind and what is free.

    Args:
        device: The device.

    Returns:
        S.
    """
    device = torch.device(device)
    most = GPU if device.type == "cuda" else CPU
    # A solve holds matrices of its own where Python is, whatever the device.
    memory = min(free_memory(device), free_memory(torch.device("cpu")))
    return most if math.isinf(memory) else max(_SMALL, min(most, math.isqrt(int(memory / _BYTES))))


def refusal(
    model: nn.Module,
    level: str | Mapping[str, Sequence[str]],
    device: torch.device | str | None = None,
) -> str | None:
    """Why a model cannot be summarised at a level, for a person; nothing is computed.

    Args:
        model: The model.
        level: The level's name, or own groups, as for ``partition``.
        device: Where it would be; None: where the model is.

    Returns:
        How many groups there are, how many there may be, and the nearest level that has no more;
        None if the model can be summarised at this level.

    Raises:
        InputError: If there is no such level.
    """
    count = partitions.number(model, level)  # which refuses what is no model
    where = device_of(model) if device is None else torch.device(device)
    name = repr(level) if isinstance(level, str) else "of own groups"
    return _reason(model, name, count, where)


def summarisable(model: nn.Module, level: str | Mapping[str, Sequence[str]]) -> Partition:
    """The partition of a level at which a model is to be summarised.

    Args:
        model: The model.
        level: The level's name, or own groups, as for ``partition``.

    Returns:
        The partition.

    Raises:
        InputError: As ``partition`` does; of a level that has more groups than can be named, with
            the text of ``refusal``: the finest that can be named is not one to go on with.
    """
    try:
        return partitions.partition(model, level)
    except InputError:
        reason = refusal(model, level)
        if reason is None:
            raise
    raise InputError(reason)


def check(model: nn.Module, partition: Partition) -> None:
    """Raise if a model cannot be summarised with a partition.

    Args:
        model: The model.
        partition: Its partition.

    Raises:
        InputError: With the text of ``refusal``.
    """
    if partition.num_groups <= _SMALL:
        return
    reason = _reason(model, repr(partition.level), partition.num_groups, device_of(model))
    if reason is not None:
        raise InputError(reason)


def check_order(size: int, order: int, device: torch.device) -> None:
    """Raise if an order is too high, or its tensor has more entries than there is room for.

    Args:
        size: S.
        order: d; for each entry there are as many group numbers.
        device: Where it is to be.

    Raises:
        InputError: If so.
    """
    digits = order * math.log2(size) + math.log2(8 * (order + 1))
    if digits > math.log2(min(free_memory(device), sys.maxsize)):
        raise InputError(
            f"order must be lower: the tensor has S^d = {size}^{order} entries, more than there is "
            "memory for."
        )
    if order > ORDER:
        raise InputError(f"order must be at most {ORDER}; got {order}.")


def _reason(model: nn.Module, name: str, count: int, device: torch.device) -> str | None:
    if count <= _SMALL:
        return None
    most = most_groups(device)
    if count <= most:
        return None
    limited = most < (GPU if device.type == "cuda" else CPU)
    kind = "a GPU" if device.type == "cuda" else "a CPU"
    where = f"in the free memory of this {kind[2:]}" if limited else f"on {kind}"
    nearest = [rung for rung in partitions.ladder(model) if rung.num_groups <= most][-1]
    return (
        f"level {name} has {_spaced(count)} groups in this model; {where} at most {_spaced(most)} "
        f"can be summarised. The nearest level: {nearest.level!r}, "
        f"with {_spaced(nearest.num_groups)}."
    )


def _spaced(count: int) -> str:
    """A number with its thousands apart."""
    return f"{count:,}".replace(",", " ")
