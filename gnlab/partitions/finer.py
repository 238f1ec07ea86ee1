"""The levels below the tensor: blocks of units, units, blocks of each unit's row, elements.

A unit is an output of a layer, and what else its weight has is the unit's row: the weights of its
inputs. By the kind of layer:

====================================  ==========================================================
parameter, shape                      unit, and its row
====================================  ==========================================================
linear or bilinear, [out, in, ...]    output: index of dimension 0; its inputs' weights
recurrent, [gates · hidden, in]       entry of a gate: index of dimension 0; its inputs' weights
convolution, [out, in/G, kernel]      output channel: index of dimension 0; its inputs' kernels.
                                      Channel i reads the inputs of its group i // (out/G) alone
transposed convolution,               output channel: index j of dimension 1 for the inputs of
[in, out/G, kernel]                   channel group g is channel g · out/G + j; its inputs' kernels
embedding's table, [words, features]  feature: index of dimension 1; its value for each word. A
                                      word is no unit: a batch leaves most words without a slope
bias, normalisation's scale, [out]    the entry, of one element
any other, and a raw parameter        index of dimension 0; the rest. A scalar is one unit
====================================  ==========================================================

Elements are numbered unit by unit: within one, in the order of the tensor's memory. Only torch's
own classes and what derives from them are known as such. A "neuron" is the unit of that number of
all tensors of a layer that have as many units: a channel's kernels and its bias, a scale and a
shift; of a recurrent module each layer and direction has its own. It keeps together what "role" and
"tensor" keep apart, so it is no rung of the ladder, on which both are; where each layer has one
tensor it is "unit". What a parametrised tensor is made of (weight normalisation) is cut as that is.

Legend: n units of a tensor, m elements in each one's row.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gnlab.errors import InputError
from gnlab.partitions.grammar import read
from gnlab.partitions.naming import home
from gnlab.partitions.partition import Partition

MOST = 200_000
"""Groups that a partition may have: each has a name."""

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
_TABLES = (nn.Embedding, nn.EmbeddingBag)


@dataclass(frozen=True, slots=True)
class Cut:
    """A parameter as it is cut.

    Attributes:
        name: Its name.
        shape: Its shape.
        units: n.
        unit: The unit of each element; called when it is needed.
        layer: What it shares its units with: a layer, or one layer of a recurrent module.
    """

    name: str
    shape: torch.Size
    units: int
    unit: Callable[[], Tensor]
    layer: str

    @property
    def row(self) -> int:
        """m, the elements of a unit."""
        return self.shape.numel() // max(self.units, 1)

    def places(self) -> Tensor:
        """The place of each element in its unit's row, [*shape]."""
        unit = self.unit().expand(self.shape).reshape(-1)
        order = unit.argsort(stable=True)
        places = torch.empty_like(order)
        places[order] = torch.arange(len(order), device="cpu") % max(self.row, 1)
        return places.reshape(self.shape)


def cuts(model: nn.Module, shapes: Mapping[str, torch.Size]) -> list[Cut]:
    """The parameters as they are cut.

    Args:
        model: The model.
        shapes: Its trainable parameters' shapes by name.

    Returns:
        One entry for each that has elements, in the model's order.
    """
    return [_cut(model, name, shape) for name, shape in shapes.items() if shape.numel()]


def doubling(parts: list[Cut]) -> list[str]:
    """The levels below the tensor that are nested, each with at most twice the groups of the last.

    Args:
        parts: The parameters as they are cut.

    Returns:
        Their names, coarse to fine; some may have no more groups than the one before.
    """
    units, row = max(part.units for part in parts), max(part.row for part in parts)
    blocks = [f"block:{k}" for k in doublings(units)]
    rows = [f"row:{k}" for k in doublings(row)]
    return [*blocks, "unit", *rows, "element"]


def doublings(end: int) -> list[int]:
    """2, 4, 8, ... below a number."""
    return [2**i for i in range(1, max(end - 1, 0).bit_length())]


def _cut(model: nn.Module, name: str, shape: torch.Size) -> Cut:
    owner, last = home(name)
    layer = model.get_submodule(owner)
    units, unit = _units(layer, last, shape)
    return Cut(name, shape, units, unit, owner + _deeper(layer, last) if owner else last)


def _units(layer: nn.Module, last: str, shape: torch.Size) -> tuple[int, Callable[[], Tensor]]:
    """The number of a parameter's units, and what gives the unit of each element."""
    if not shape:
        return 1, lambda: torch.zeros((), dtype=torch.int64, device="cpu")
    # By its shape too: what a parametrised weight is made of can have another one.
    if last == "weight" and isinstance(layer, _TRANSPOSED) and _is_whole(layer, shape):
        return layer.out_channels, lambda: _of_transposed(layer, shape)
    if last == "weight" and isinstance(layer, _TABLES) and shape[1:] == (layer.embedding_dim,):
        return shape[1], lambda: torch.arange(shape[1], device="cpu")[None]
    column = -1, *[1] * (len(shape) - 1)
    return shape[0], lambda: torch.arange(shape[0], device="cpu").reshape(column)


def _deeper(layer: nn.Module, last: str) -> str:
    """Which layer and direction of a recurrent module a parameter is of; "" for the first."""
    found = re.search(r"_l\d+(_reverse)?$", last) if isinstance(layer, nn.RNNBase) else None
    return found[0] if found and found[0] != "_l0" else ""


def _is_whole(layer: _Transposed, shape: torch.Size) -> bool:
    return shape[:2] == (layer.in_channels, layer.out_channels // layer.groups)


def _of_transposed(layer: _Transposed, shape: torch.Size) -> Tensor:
    """The output channel of each input and output channel of a transposed convolution's weight."""
    within = torch.arange(shape[0], device="cpu") // (shape[0] // layer.groups)
    unit = within[:, None] * shape[1] + torch.arange(shape[1], device="cpu")
    return unit.reshape(*unit.shape, *[1] * (len(shape) - 2))


def number(level: str, parts: list[Cut]) -> int:
    """S at a level below the tensor; nothing is built.

    Args:
        level: The level's name.
        parts: The parameters as they are cut.

    Returns:
        S.

    Raises:
        InputError: If k is not positive.
    """
    kind, k = read(level)
    if kind == "neuron":
        return sum({(part.layer, part.units): part.units for part in parts}.values())
    counts: dict[str, Callable[[Cut], int]] = {
        "block": lambda part: min(k, part.units),
        "unit": lambda part: part.units,
        "row": lambda part: part.units * min(k, part.row),
        "element": lambda part: part.shape.numel(),
    }
    return sum(counts[kind](part) for part in parts)


def finer(
    model: nn.Module, level: str, shapes: Mapping[str, torch.Size], roles: Mapping[str, str]
) -> Partition:
    """The partition of a level below the tensor.

    Args:
        model: The model.
        level: "block:k" (each tensor's units in k runs), "neuron" (a unit with its bias), "unit"
            (each tensor's units), "row:k" (each unit's row in k runs), "element".
        shapes: The trainable parameters' shapes by name.
        roles: Their roles.

    Returns:
        The partition, its groups tensor after tensor.

    Raises:
        InputError: If k is not positive, or there are more groups than can be named.
    """
    kind, k = read(level)
    parts = cuts(model, shapes)
    count = number(level, parts)
    if count > MOST:
        raise InputError(
            f"level {level!r} has {count} groups in this model; at most {MOST} can be had, "
            f"and fewer be summarised. {_instead(parts)}"
        )
    if kind == "neuron":
        return _neurons(shapes, roles, parts)
    groups: dict[str, Tensor] = {}
    names: list[str] = []
    of: list[str] = []
    for part in parts:
        owner, own = _groups(kind, k, part)
        groups[part.name] = owner + len(names)
        names += own
        of += [roles[part.name]] * len(own)
    return Partition(level, tuple(names), shapes, groups, tuple(of))


def _instead(parts: list[Cut]) -> str:
    """The finest level that can be had, for who asked for a finer one."""
    counts = {"tensor": len(parts)} | {level: number(level, parts) for level in doubling(parts)}
    nearest = [level for level, count in counts.items() if count <= MOST]
    if not nearest:
        return "Even one group per tensor is too many: 'role' or 'all' is not."
    return f"A coarser level: {nearest[-1]!r}, with {counts[nearest[-1]]}."


def _groups(kind: str, k: int, part: Cut) -> tuple[Tensor, list[str]]:
    """The group of each element of a tensor, from 0 on, and the groups' names."""
    name, units = part.name, part.units
    if kind == "unit" or (kind == "block" and k >= units):
        return part.unit(), [f"{name}[{i}]" for i in range(units)]
    if kind == "block":
        first = [-(-i * units // k) for i in range(k + 1)]
        ranges = [f"{name}[{a}:{b}]" for a, b in itertools.pairwise(first)]
        return part.unit() * k // units, ranges
    runs = min(k, part.row) if kind == "row" else part.row
    owner = part.unit() * runs + part.places() * runs // max(part.row, 1)
    if runs == 1:
        return owner, [f"{name}[{i}]" for i in range(units)]
    return owner, [f"{name}[{i}] {j + 1}/{runs}" for i in range(units) for j in range(runs)]


def _neurons(
    shapes: Mapping[str, torch.Size], roles: Mapping[str, str], parts: list[Cut]
) -> Partition:
    """Each unit of a layer with all that is its own, its bias too."""
    counts: dict[str, set[int]] = {}
    for part in parts:
        counts.setdefault(part.layer, set()).add(part.units)
    start: dict[tuple[str, int], int] = {}
    names: list[str] = []
    found: list[set[str]] = []
    groups = {}
    for part in parts:
        key = part.layer, part.units
        if key not in start:
            start[key] = len(names)
            called = part.layer if len(counts[part.layer]) == 1 else part.name
            names += [f"{called}[{i}]" for i in range(part.units)]
            found += [set() for _ in range(part.units)]
        groups[part.name] = part.unit() + start[key]
        for i in range(part.units):
            found[start[key] + i].add(roles[part.name])
    of = tuple(next(iter(one)) if len(one) == 1 else "mixed" for one in found)
    return Partition("neuron", tuple(names), shapes, groups, of)
