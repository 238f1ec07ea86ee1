"""The ladder: nested levels from one group for all parameters to one group per element.

Every level refines the one before and has about twice as many groups: never more than that, but for
"role", of which there may be three; one that the next could stand for is left out, unless it has a
name in the literature. Where a coarser level has the very groups of "tensor" or "element", these
names stand: the last rung is "element", Newton's. Of several names for one group "all" stands, so a
model of one tensor has no rung "tensor", and one of one element has one rung.

Legend: S groups, P parameter elements.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gnlab.errors import InputError, check_number
from gnlab.guards.exclusive import alone
from gnlab.partitions import cost, finer
from gnlab.partitions.executed import Layer, executed, gradient, guessed
from gnlab.partitions.grammar import is_finer
from gnlab.partitions.levels import levels, number, partition
from gnlab.partitions.owners import owners
from gnlab.partitions.partition import Partition

_LABELS = {
    "all": "one group for all",
    "role": "one group per role",
    "layer": "one group per layer",
    "tensor": "one group per tensor",
    "neuron": "one group per unit with its bias",
    "unit": "one group per unit",
    "element": "one group per element",
}
# Adam-mini (Zhang et al. 2024, arXiv:2406.16793) has one rate per output unit of most matrices.
_KNOWN_AS = {
    "all": "Cauchy's steepest descent: one rate, the best along the direction",
    "role": "one rate per role",
    "layer": "one rate per layer, as in LARS and LAMB",
    "tensor": "one rate per tensor: the paper's canonical partition",
    "neuron": "one rate per neuron",
    "unit": "one rate per row of a weight matrix, as in Adam-mini",
    "element": "Newton's method",
}
_KINDS = {"chunk": "one rate per chunk and role: as the paper groups VBigMLP, with k = 5 (app. G)"}
"""What a kind of level is in the literature, whatever its number."""

_SAMPLES = 100  # of a summary's batch, where nothing says how many
_REFUSING = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError)
"""What models raise that are called with inputs that are not theirs."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A level of the ladder.

    Attributes:
        level: Its name, for ``partition``.
        num_groups: S.
        label: What its groups are, for a person.
        known_as: What it is in the literature; empty if it has no name there.
        cost: The arithmetic of one summary along a given direction, in gradients: multiplications
            of products, not time. Without inputs to see the layers executed with, as if each weight
            were used once per sample, which a convolution's are not, and as if something bent came
            after every layer.
        solve: The arithmetic of the cubic solve that follows, S³, in gradients of a batch; it is
            no part of the cost. It does not grow with the batch, as a summary and a gradient do.
    """

    level: str
    num_groups: int
    label: str
    known_as: str
    cost: float
    solve: float = 0.0


def ladder(model: nn.Module, inputs: Any = None, *, samples: int | None = None) -> tuple[Rung, ...]:
    """The nested levels of a model, from Cauchy's to Newton's.

    Args:
        model: The model.
        inputs: A batch, the one positional argument that the model is called with to see how much
            work each layer is; None: guessed from the parameters. With convolutions that is several
            times too much at fine levels: how often they use a weight, only an image tells.
        samples: How many there are in the batch of a summary, in whose gradients a solve is told;
            None: as many as there are inputs, 100 without any.

    Returns:
        The levels, coarse to fine, from S = 1 to S = P.

    Raises:
        InputError: If it is no model, has no trainable parameter or one without a shape, or cannot
            be called with the inputs, or if ``samples`` is below 1.
    """
    if samples is not None:
        check_number("samples", samples, low=1, integer=True)
    with alone(model):
        partition(model, "all")  # a model that has none has no layers either
        tensors = partition(model, "tensor")
        layers = guessed(model) if inputs is None else _executed(model, inputs)
        seen = len(inputs) if isinstance(inputs, torch.Tensor) and inputs.dim() else 1
        wanted = samples or (_SAMPLES if inputs is None else seen)
        one = max(gradient(layers), 1) * wanted / max(seen, 1)
        nested = _nested(model, tensors)
        return tuple(_rung(model, name, count, tensors, layers, one) for name, count in nested)


def gradient_work(model: nn.Module, inputs: Any) -> int:
    """The arithmetic of one gradient, the unit of a rung's cost.

    Args:
        model: The model; it is called once, without gradients, and left as it was.
        inputs: A batch of inputs.

    Returns:
        Multiply-accumulates, those of the products that torch carries out.
    """
    return gradient(executed(model, inputs))


def _executed(model: nn.Module, inputs: Any) -> list[Layer]:
    """The layers as they are executed; inputs that are not the model's are refused."""
    try:
        return executed(model, inputs)
    except torch.OutOfMemoryError:
        raise
    except _REFUSING as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise InputError(
            "inputs must be the one positional argument of the model, as in model(inputs); with "
            f"these it raised {type(error).__name__}: {said[0]}"
        ) from error


def label(level: str) -> str:
    """What a level's groups are, for a person.

    Args:
        level: The level's name.

    Returns:
        One line.
    """
    kind, _, k = level.partition(":")
    counted = {
        "chunk": f"{k} chunks by role",
        "part": f"{k} parts of each layer by role" if k != "1" else "layers by role",
        "block": f"{k} blocks of units per tensor",
        "row": f"{k} parts of each unit's row",
    }
    return _LABELS.get(level, counted.get(kind, level))


def _nested(model: nn.Module, tensors: Partition) -> list[tuple[str, int]]:
    """The names of the levels, and S of each; one that would repeat the one before is left out."""
    parts = finer.cuts(model, tensors.shapes)
    most = finer.number("element", parts)
    found = [(name, number(model, name)) for name in levels(model)]
    found += [(name, finer.number(name, parts)) for name in finer.doubling(parts)]
    kept = [found[0]]
    for name, count in found[1:]:
        if kept[-1][1] < count < most:
            kept.append((name, count))
    # The last is Newton's, whatever else has a group for each element.
    return _thinned([*kept, ("element", most)] if most > 1 else kept)


def _thinned(found: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Without those of no name in the literature that the next can stand for.

    It can where it has at most twice the groups of the one before: where one layer is far larger
    than the others, a doubling of its blocks is hardly a finer level.
    """
    kept = found[:1]
    for (name, count), (_, after) in itertools.pairwise(found[1:]):
        if name in _KNOWN_AS or after > 2 * kept[-1][1]:
            kept.append((name, count))
    return kept + found[1:][-1:]


def _rung(
    model: nn.Module,
    name: str,
    count: int,
    tensors: Partition,
    layers: Sequence[Layer],
    one: float,
) -> Rung:
    """A level; one gradient of a summary's batch is so many multiplications."""
    split = None if is_finer(name) else partition(model, name)
    gradients = cost.in_gradients(layers, owners(model, name, tensors, split, layers))
    groups = label(name)
    known = _KNOWN_AS.get(name) or _KINDS.get(name.partition(":")[0], "")
    if name == "role" and split is not None:
        groups, known = _by_role(split.names)
    return Rung(name, count, f"S = {count}, {groups}", known, gradients, cost.solve(count) / one)


def _by_role(roles: Sequence[str]) -> tuple[str, str]:
    """What the groups of "role" are in a model, and what they are in the literature."""
    called = ["others" if role == "other" else role for role in roles]
    return ", ".join(called), ", ".join(f"one rate for {role}" for role in called)
