"""Which groups own a part of each layer, as it is executed, at some level.

Legend: S groups, m elements in a unit's row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import nn

from gnlab.partitions import finer
from gnlab.partitions.cost import Owners
from gnlab.partitions.executed import Layer, places
from gnlab.partitions.partition import Partition

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_TABLES = (nn.Embedding, nn.EmbeddingBag)


@dataclass(frozen=True, slots=True)
class _Share:
    """The groups that own a part of a parameter.

    Attributes:
        parameter: Its name.
        new: Those with no element in a parameter before.
        groups: How many there are.
        units: The units that it has, if the groups own units or pieces of them; 0 if not.
        pieces: In how many pieces each unit's row is divided.
        row: m.
    """

    parameter: str
    new: int
    groups: int
    units: int = 0
    pieces: int = 1
    row: int = 1


def owners(
    model: nn.Module, level: str, tensors: Partition, split: Partition | None,
    layers: Sequence[Layer],
) -> list[Owners]:  # fmt: skip
    """The groups that own a part of each layer.

    Args:
        model: The model.
        level: The level's name.
        tensors: The model's partition into tensors.
        split: The level's partition; None for one below the tensor, which is not built.
        layers: The layers as they are executed.

    Returns:
        One entry for each layer.
    """
    at: dict[str, list[int]] = {}
    for place, executed in enumerate(layers):
        at.setdefault(executed.name, []).append(place)
    found = [Owners(takes=_takes(model, layer.name)) for layer in layers]
    home_of = places(model)
    shares = _whole(split) if split is not None else _parts(model, level, tensors)
    for share in shares:
        name, passed, matrices = home_of[share.parameter]
        products = [place for place in at.get(name, []) if layers[place].work]
        if len(products) == matrices > 1:  # a product for each
            starts, used = products[passed], products[passed : passed + 1]
        else:
            starts, used = _start(name, at), products
        found[starts] = _with_new(found[starts], share, _owns_units(model, name))
        if len(tensors.shapes[share.parameter]) > 1 or matrices == 0:
            # A product that may be any of several matrices' has the mean of their groups.
            each = share.groups / max(matrices if len(used) > 1 else 1, 1)
            for place in used:
                found[place] = _with_weight(found[place], share, model, name, each)
    return found


def _start(name: str, at: dict[str, list[int]]) -> int:
    """Where the groups of a module's parameter start.

    What is never called itself, a parameter that something else takes, starts where a module around
    it does, or may start anywhere.
    """
    while name and name not in at:
        name = name.rpartition(".")[0]
    return at.get(name, [0])[0]


def _with_new(own: Owners, share: _Share, coloured: bool) -> Owners:
    """A layer in which the groups of a parameter start as well."""
    rows = share.pieces if coloured and share.units else 0
    together = own.colours + rows if rows and (own.colours or not own.new) else 0
    return replace(own, new=own.new + share.new, colours=together)


def _with_weight(own: Owners, share: _Share, model: nn.Module, name: str, groups: float) -> Owners:
    """A layer whose weight so many groups of a parameter own."""
    units = share.units if _owns_units(model, name) else 0
    gathers = isinstance(model.get_submodule(name), _CONVOLUTIONS) and share.units
    return replace(
        own,
        weights=own.weights + groups,
        units=max(own.units, units),
        pieces=max(own.pieces, share.pieces),
        gathered=share.row / share.units if gathers else 0.0,
    )


def _module(model: nn.Module, name: str) -> nn.Module | None:
    """A module by its name; None for what is in none."""
    return model.get_submodule(name) if name else None


def _owns_units(model: nn.Module, name: str) -> bool:
    """Whether groups that own units of a module's weight can go together."""
    module = _module(model, name)
    if module is None:
        return True
    if isinstance(module, _CONVOLUTIONS):
        return module.groups == 1
    own = list(module.parameters(recurse=False))
    return not isinstance(module, _TRANSPOSED + _TABLES) and any(p.dim() > 1 for p in own)


def _takes(model: nn.Module, name: str) -> bool:
    """Whether a layer takes what goes together as it is: where it has units of its own."""
    return not name or _owns_units(model, name)


def _whole(split: Partition) -> Iterator[_Share]:
    """The groups of each parameter at a level of whole tensors."""
    seen: set[int] = set()
    for parameter, owner in split.groups.items():
        if split.shapes[parameter].numel():
            group = int(owner)
            yield _Share(parameter, int(group not in seen), 1)
            seen.add(group)


def _parts(model: nn.Module, level: str, tensors: Partition) -> Iterator[_Share]:
    """The groups of each parameter at a level below the tensor."""
    for part in finer.cuts(model, tensors.shapes):
        count = finer.number(level, [part])
        pieces = max(count // part.units, 1) if count > part.units else 1
        yield _Share(part.name, count, count, part.units, pieces, part.row)
