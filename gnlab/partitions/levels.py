"""The named levels: from one group for all parameters to one group per element.

Builds a ``Partition`` from a level's name or from a person's own groups, and lists the levels a
model distinguishes. A raw parameter without a layer counts as a weight. What lies below the
tensor is in ``finer.py``.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import nn

from gnlab.errors import InputError, unknown_choice
from gnlab.guards.exclusive import alone
from gnlab.partitions.finer import cuts, doublings, finer
from gnlab.partitions.finer import number as counted
from gnlab.partitions.grammar import is_finer, read
from gnlab.partitions.naming import home
from gnlab.partitions.partition import Partition, check_usable


def partition(model: nn.Module, level: str | Mapping[str, Sequence[str]] = "tensor") -> Partition:
    """Split a model's trainable parameters into groups.

    Frozen parameters (``requires_grad=False``) belong to no group, nor do those without elements;
    a tied parameter counts once, under its first name.

    Args:
        model: The model.
        level: "all" (one group), "role" (weights, biases, other), "chunk:k" (k runs of
            consecutive layers, each split by role), "layer" (one group per module that owns
            parameters), "part:k" (the tensors of each layer and role in k runs), "tensor" (one
            group per tensor), "block:k" (the units of each tensor in k runs), "neuron" (one group
            per unit of a layer, its bias included), "unit" (one group per unit of each tensor),
            "row:k" (each unit's row in k runs), "element" (one group per element), or own groups
            as ``{group name: [parameter names]}``. What a unit is, of each kind of layer, is in
            ``finer.py``. A parameter of the model itself is a layer of its own.

    Returns:
        The partition.

    Raises:
        InputError: If the level is unknown or too fine for the model, the model is none, has no
            trainable parameter, a complex one, one without a shape or two in one memory, is a
            TorchScript module, or own groups are empty, overlap, leave a parameter out or name an
            unknown one.

    References:
        Wolinski, arXiv:2312.03885, Sec. 4.1 (canonical partition), App. G (chunks by role).
    """
    with alone(model):  # a summary of another thread has other tensors in their places
        return _of_own(model, level)


def _of_own(model: nn.Module, level: str | Mapping[str, Sequence[str]]) -> Partition:
    """The partition of the parameters that the model has."""
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    check_usable(trainable)
    shapes = {n: p.shape for n, p in trainable.items()}
    held = {n: shape for n, shape in shapes.items() if shape.numel()}
    if not held:
        raise InputError(
            f"{type(model).__name__} has no trainable parameters; "
            "there is nothing to partition (are all of them frozen, or without elements?)."
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError(
            f"{type(model).__name__} is a TorchScript module, whose fused kernels cannot be "
            "replaced by differentiable ones; give the module it was made from."
        )
    found = _of_elements(model, level, held, shapes)
    # A summary goes through all parameters: one without elements has a number that none bears.
    groups = {name: found.groups.get(name, torch.tensor(0, device="cpu")) for name in shapes}
    return Partition(found.level, found.names, shapes, groups, found.roles)


def _of_elements(
    model: nn.Module,
    level: object,
    held: dict[str, torch.Size],
    shapes: Mapping[str, torch.Size],
) -> Partition:
    """The partition of the parameters that have elements."""
    roles = _roles(model, held)
    if isinstance(level, Mapping):
        own = {group: _names(group, names) for group, names in level.items()}
        labels = _own_labels(own, model, held, shapes)
        return _from_labels("custom", held, roles, labels, list(own))
    if is_finer(level):
        return finer(model, str(level), held, roles)
    if not isinstance(level, str):
        raise InputError(
            "level must be a level's name or own groups {group name: [parameter names]}; "
            f"got {level!r:.80}."
        )
    return _from_labels(level, held, roles, _level_labels(level, held, roles))


def number(model: nn.Module, level: str | Mapping[str, Sequence[str]]) -> int:
    """S at a level; below the tensor without building the groups, of which there may be millions.

    Args:
        model: The model.
        level: The level, as for ``partition``.

    Returns:
        S.

    Raises:
        InputError: If there is no such level, or the model has no trainable parameter.
    """
    with alone(model):
        if not is_finer(level):
            return partition(model, level).num_groups
        return counted(str(level), cuts(model, partition(model, "all").shapes))


def levels(model: nn.Module) -> list[str]:
    """The named levels that a model distinguishes, coarse to fine, each refining the one before.

    A level that would repeat the partition before it, or that of the tensors, is left out. "layer"
    is there where it refines "role": where no layer has parameters of several roles. "part:k" is
    there for layers of many tensors: recurrent ones, lists of parameters.

    Args:
        model: The model.

    Returns:
        Level names, from "all" to "tensor".
    """
    finest = partition(model, "tensor")
    layers = [_layer(name) for name in finest.names]
    alike = Counter(zip(layers, finest.roles, strict=True))
    chunks = [f"chunk:{k}" for k in doublings(len(set(layers)))]
    parts = [f"part:{k}" for k in doublings(max(alike.values()))]
    kept = [partition(model, "all")]
    for level in ["role", *chunks, "layer", "part:1", *parts]:
        found = partition(model, level)
        between = kept[-1].num_groups < found.num_groups < finest.num_groups
        if between and found.refines(kept[-1]):
            kept.append(found)
    if finest.num_groups > kept[-1].num_groups:
        kept.append(finest)
    return [level.level for level in kept]


def _layer(name: str) -> str:
    """The module that owns a parameter; a raw parameter of the model is its own layer."""
    owner, last = home(name)
    return owner or last


def _roles(model: nn.Module, shapes: Iterable[str]) -> dict[str, str]:
    """Each parameter's role. A raw parameter without a layer's naming counts as a weight."""
    roles = {}
    for name in shapes:
        last = home(name)[1]
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
    kind, count = read(level)
    if kind == "part":
        return _part_labels(count, shapes, roles)
    layers = list(dict.fromkeys(_layer(name) for name in shapes))
    if count > len(layers):
        raise InputError(
            f"level {level!r} needs k from 1 to the {len(layers)} layers; got {count}."
        )
    position = {layer: i * count // len(layers) for i, layer in enumerate(layers)}
    return {name: f"chunk {position[_layer(name)] + 1} {roles[name]}" for name in shapes}


def _part_labels(k: int, shapes: Iterable[str], roles: Mapping[str, str]) -> dict[str, str]:
    """The group name of each parameter where each layer's tensors of a role are in k runs."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name in shapes:
        alike.setdefault((_layer(name), roles[name]), []).append(name)
    labels = {}
    for (layer, role), names in alike.items():
        runs = min(k, len(names))
        for i, name in enumerate(names):
            run = f" {i * runs // len(names) + 1}/{runs}" if runs > 1 else ""
            labels[name] = name if runs == len(names) else f"{layer} {role}{run}"
    return labels


def _names(group: object, names: object) -> list[str]:
    """A group's parameter names, as a list."""
    found = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else []
    if not found or not all(isinstance(name, str) for name in found):
        got = type(found[0]).__name__ + "s" if found else f"{names!r:.60}"
        raise InputError(f"group {group!r} needs a non-empty list of parameter names; got {got}.")
    return found


def _not_there(
    group: object, name: str, model: nn.Module, shapes: Mapping[str, torch.Size]
) -> InputError:
    """The error for a name that is no trainable parameter's own."""
    every = dict(model.named_parameters(remove_duplicate=False))
    if name not in every:
        return unknown_choice(f"parameter in group {group!r}", name, shapes)
    if not every[name].requires_grad:
        return InputError(f"parameter {name!r} in group {group!r} is frozen; leave it out.")
    own = next(other for other in shapes if every[other] is every[name])
    return InputError(
        f"parameter {name!r} in group {group!r} is {own!r} once more (tied); leave it out."
    )


def _own_labels(
    own: Mapping[str, Sequence[str]],
    model: nn.Module,
    held: Mapping[str, torch.Size],
    shapes: Mapping[str, torch.Size],
) -> dict[str, str]:
    """The group name of each parameter in a person's own groups."""
    labels: dict[str, str] = {}
    for group, names in own.items():
        for name in names:
            if name not in shapes:
                raise _not_there(group, name, model, shapes)
            if name in labels:
                raise InputError(f"parameter {name!r} is in groups {labels[name]!r} and {group!r}.")
            labels[name] = group
        if not any(name in held for name in names):
            raise InputError(
                f"group {group!r} has no elements: {names[0]!r} is of shape "
                f"{list(shapes[names[0]])}; leave it out."
            )
    missing = [name for name in held if name not in labels]
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
    groups = {name: torch.tensor(number[labels[name]], device="cpu") for name in shapes}
    return Partition(level, tuple(names), shapes, groups, group_roles)
