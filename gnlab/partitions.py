"""Partitions: which group each parameter element belongs to.

The first choice of the method: the P elements of a model's trainable parameters are split into
S groups, and every later quantity has one entry per group. One group for all is Cauchy's
steepest descent; one group per element is Newton's method.

Legend: S groups, P parameter elements, I the [P, S] partition matrix (one 1 per row).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gnlab.errors import InputError, unknown_choice

LEVELS = ("all", "role", "chunk:k", "layer", "tensor")
ROLES = ("weights", "biases", "other")


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """A partition of a model's trainable parameters into S groups.

    The group of every single element is held: ``groups[name]`` is an integer tensor that
    broadcasts to the parameter's shape, a scalar where the whole tensor is in one group, so a
    coarse partition costs no memory and a fine one needs no other representation.

    Attributes:
        level: The level it was built from ("tensor", "chunk:5", ...), "custom" for own groups.
        names: The groups' names, S of them.
        shapes: The shape of each parameter, by name, in the model's order.
        groups: The group number of each element, by parameter name; int64, broadcasts to shape.
        roles: Each group's role, S of them: "weights", "biases", "other" or "mixed".
    """

    level: str
    names: tuple[str, ...]
    shapes: Mapping[str, torch.Size]
    groups: Mapping[str, Tensor]
    roles: tuple[str, ...]

    @property
    def num_groups(self) -> int:
        """S, the number of groups."""
        return len(self.names)

    @property
    def num_parameters(self) -> int:
        """P, the number of parameter elements."""
        return sum(shape.numel() for shape in self.shapes.values())

    @property
    def sizes(self) -> Tensor:
        """The number of elements of each group, int64 [S]."""
        sizes = torch.zeros(self.num_groups, dtype=torch.int64)
        for name, shape in self.shapes.items():
            owner = self.groups[name].cpu()
            copies = shape.numel() // max(owner.numel(), 1)
            sizes += torch.bincount(owner.reshape(-1), minlength=self.num_groups) * copies
        return sizes

    def expand(self, values: Tensor) -> dict[str, Tensor]:
        """Give each parameter element its group's value: I η.

        Args:
            values: One value per group, [S].

        Returns:
            By parameter name, a tensor that broadcasts to the parameter's shape.

        Raises:
            InputError: If the length of ``values`` is not S.
        """
        if values.shape != (self.num_groups,):
            raise InputError(
                f"expand needs one value per group, shape [{self.num_groups}]; "
                f"got shape {list(values.shape)}."
            )
        return {name: values[owner.to(values.device)] for name, owner in self.groups.items()}

    def reduce(self, values: Mapping[str, Tensor]) -> Tensor:
        """Sum elementwise values over each group: Iᵀ v.

        Args:
            values: By parameter name, a tensor of the parameter's shape.

        Returns:
            The sums, [S], in the values' dtype and device.

        Raises:
            InputError: If a name is missing or a shape differs.
        """
        self.check(values, "values")
        first = next(iter(values.values()))
        total = torch.zeros(self.num_groups, dtype=first.dtype, device=first.device)
        for name, owner in self.groups.items():
            # Summing first over what the owner does not distinguish keeps whole-tensor groups
            # at one reduction, without an index of the tensor's size.
            part = values[name].sum_to_size(owner.shape)
            total = total.index_add(0, owner.to(part.device).reshape(-1), part.reshape(-1))
        return total

    def check(self, values: Mapping[str, Tensor], what: str) -> None:
        """Raise unless ``values`` has every parameter's name and shape.

        Args:
            values: Tensors by parameter name.
            what: What they are, for the message ("direction").

        Raises:
            InputError: Naming the first missing, surplus or misshapen entry.
        """
        for name in values:
            if name not in self.shapes:
                raise unknown_choice(f"parameter in {what}", name, self.shapes)
        for name, shape in self.shapes.items():
            if name not in values:
                raise InputError(f"{what} has no entry for parameter {name!r} {list(shape)}.")
            if values[name].shape != shape:
                raise InputError(
                    f"{what}[{name!r}] has shape {list(values[name].shape)}; "
                    f"the parameter has {list(shape)}."
                )

    def refines(self, other: "Partition") -> bool:
        """Whether each group of this partition lies within one group of ``other``."""
        return self._membership(other) is not None

    def coarsening(self, other: "Partition") -> Tensor:
        """The membership matrix C of this partition's groups in a coarser one's.

        For the same u: ḡ_other = C ḡ and H̄_other = C H̄ Cᵀ.

        Args:
            other: A partition of the same parameters that this one refines.

        Returns:
            C, [S_other, S], one 1 per column, float64.

        Raises:
            InputError: If this partition does not refine ``other``.
        """
        owner = self._membership(other)
        if owner is None:
            raise InputError(
                f"partition {self.level!r} (S = {self.num_groups}) does not refine "
                f"{other.level!r} (S = {other.num_groups}): a group of the first is split."
            )
        matrix = torch.zeros(other.num_groups, self.num_groups, dtype=torch.float64)
        matrix[owner, torch.arange(self.num_groups)] = 1.0
        return matrix

    def to(self, device: torch.device | str) -> "Partition":
        """The same partition with its group numbers on ``device``."""
        moved = {name: owner.to(device) for name, owner in self.groups.items()}
        return Partition(self.level, self.names, self.shapes, moved, self.roles)

    def _membership(self, other: "Partition") -> Tensor | None:
        """For each of this partition's groups the group of ``other`` it lies in, or None."""
        if dict(self.shapes) != dict(other.shapes):
            raise InputError("the two partitions are of different parameters.")
        low = torch.full((self.num_groups,), other.num_groups, dtype=torch.int64)
        high = torch.full((self.num_groups,), -1, dtype=torch.int64)
        for name in self.shapes:
            mine, theirs = torch.broadcast_tensors(
                self.groups[name].cpu(), other.groups[name].cpu()
            )
            mine, theirs = mine.reshape(-1), theirs.reshape(-1)
            low = low.scatter_reduce(0, mine, theirs, "amin")
            high = high.scatter_reduce(0, mine, theirs, "amax")
        return low if bool((low == high).all()) else None


def partition(model: nn.Module, level: str | Mapping[str, Sequence[str]] = "tensor") -> Partition:
    """Split a model's trainable parameters into groups.

    Frozen parameters (``requires_grad=False``) belong to no group; a tied parameter counts once,
    under its first name.

    Args:
        model: The model.
        level: "all" (one group), "role" (weights, biases, other), "chunk:k" (k runs of
            consecutive layers, each split by role), "layer" (one group per module that owns
            parameters), "tensor" (one group per tensor), or own groups as
            ``{group name: [parameter names]}``.

    Returns:
        The partition.

    Raises:
        InputError: If the level is unknown, the model has no trainable parameter, or own groups
            are empty, overlap, leave a parameter out or name an unknown one.

    References:
        Wolinski, arXiv:2312.03885, Sec. 4.1 (canonical partition), App. G (chunks by role).
    """
    shapes = {n: p.shape for n, p in model.named_parameters() if p.requires_grad}
    if not shapes:
        raise InputError(
            f"{type(model).__name__} has no trainable parameters; "
            "there is nothing to partition (are all of them frozen?)."
        )
    roles = _roles(model, shapes)
    if isinstance(level, Mapping):
        return _from_labels("custom", shapes, roles, _own_labels(level, shapes), list(level))
    return _from_labels(level, shapes, roles, _level_labels(level, shapes, roles))


def levels(model: nn.Module) -> list[str]:
    """The named levels that a model distinguishes, coarse to fine, each refining the one before.

    A level that would repeat the partition before it is left out; "layer" refines no "role"
    level and is therefore not in the list.

    Args:
        model: The model.

    Returns:
        Level names, from "all" to "tensor".
    """
    finest = partition(model, "tensor")
    layers = len({_layer(name) for name in finest.shapes})
    chunks = [f"chunk:{k}" for k in _doublings(layers)]
    kept = [partition(model, "all")]
    for level in ["role", *chunks, "tensor"]:
        finer = partition(model, level)
        if finer.num_groups > kept[-1].num_groups and finer.refines(kept[-1]):
            kept.append(finer)
    return [level.level for level in kept]


def _doublings(layers: int) -> list[int]:
    """2, 4, 8, ... below the number of layers."""
    counts = []
    k = 2
    while k < layers:
        counts.append(k)
        k *= 2
    return counts


def _layer(name: str) -> str:
    """The module that owns a parameter; a raw parameter of the model is its own layer."""
    owner, _, last = name.rpartition(".")
    return owner or last


def _roles(model: nn.Module, shapes: Iterable[str]) -> dict[str, str]:
    """Each parameter's role. A raw parameter without a layer's naming counts as a weight."""
    roles = {}
    for name in shapes:
        last = name.rpartition(".")[2]
        if re.search(r"bias", last):
            roles[name] = "biases"
        elif last == "weight" and model.get_parameter(name).dim() < 2:
            roles[name] = "other"  # the scale of a normalisation
        else:
            roles[name] = "weights"
    return roles


def _level_labels(
    level: str, shapes: Mapping[str, torch.Size], roles: Mapping[str, str]
) -> dict[str, str]:
    """The group name of each parameter at a named level."""
    simple: dict[str, Callable[[str], str]] = {
        "all": lambda name: "all",
        "role": lambda name: roles[name],
        "layer": _layer,
        "tensor": lambda name: name,
    }
    if level in simple:
        return {name: simple[level](name) for name in shapes}
    chunk = re.fullmatch(r"chunk:(\d+)", str(level))
    if chunk is None:
        raise unknown_choice("level", level, LEVELS)
    layers = list(dict.fromkeys(_layer(name) for name in shapes))
    count = int(chunk[1])
    if not 1 <= count <= len(layers):
        raise InputError(
            f"level {level!r} needs k from 1 to the {len(layers)} layers; got {count}."
        )
    position = {layer: i * count // len(layers) for i, layer in enumerate(layers)}
    return {name: f"chunk {position[_layer(name)] + 1} {roles[name]}" for name in shapes}


def _own_labels(
    own: Mapping[str, Sequence[str]], shapes: Mapping[str, torch.Size]
) -> dict[str, str]:
    """The group name of each parameter in a person's own groups."""
    labels: dict[str, str] = {}
    for group, names in own.items():
        if isinstance(names, str) or not names:
            raise InputError(f"group {group!r} needs a non-empty list of parameter names.")
        for name in names:
            if name not in shapes:
                raise unknown_choice(f"parameter in group {group!r}", name, shapes)
            if name in labels:
                raise InputError(f"parameter {name!r} is in groups {labels[name]!r} and {group!r}.")
            labels[name] = group
    missing = [name for name in shapes if name not in labels]
    if missing:
        raise InputError(f"no group has parameter {missing[0]!r} ({len(missing)} left out).")
    return labels


def _from_labels(
    level: str,
    shapes: dict[str, torch.Size],
    roles: Mapping[str, str],
    labels: Mapping[str, str],
    order: Sequence[str] | None = None,
) -> Partition:
    """A partition of whole tensors from each parameter's group name."""
    # Chunks follow depth, weights before biases within one; other levels the model's own order.
    names = list(order) if order else list(dict.fromkeys(labels.values()))
    number = {group: s for s, group in enumerate(names)}
    seen: list[set[str]] = [set() for _ in names]
    for name in shapes:
        seen[number[labels[name]]].add(roles[name])
    group_roles = tuple(next(iter(found)) if len(found) == 1 else "mixed" for found in seen)
    groups = {name: torch.tensor(number[labels[name]]) for name in shapes}
    return Partition(level, tuple(names), shapes, groups, group_roles)
