"""The ladder of a run's levels: name, number of groups, label, and why one is too large.

A level is too large for a run if its matrices are too large for the device, or if a single summary
would take many minutes, which one's own may.

Legend: S groups.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gnlab import partitions
from gnlab.partitions import Rung
from gnlab.summaries.limits import most_groups

_WORK = {"cpu": 2e13, "cuda": 1e15}
"""Multiplications that a summary may take, some minutes' work, by the device's type."""


@dataclass(slots=True)
class _Allowed:
    """The groups that a run of this process may have, by whoever keeps the engine."""

    most: float = math.inf


_allowed = _Allowed()


def allow(most: int | None) -> None:
    """Bound the groups that a run of this process may have.

    A step of thousands of groups takes many seconds, in which the other runs of an engine wait.

    Args:
        most: The largest S; None: what the device allows.
    """
    _allowed.most = math.inf if most is None else most


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the coarseness ladder.

    Attributes:
        name: The partition's level ("role", "chunk:2", ...).
        S: The number of its groups.
        label: For a person: "S = 8, one group per tensor".
        known_as: What it is in the literature, "" if it has no name there.
        refusal: Why a run cannot have it, "" if it can.
    """

    name: str
    S: int
    label: str
    known_as: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The levels that a model distinguishes, and the work that each is.

    Attributes:
        rungs: The levels, coarse to fine.
        gradient: The multiplications of one gradient, for one sample.
    """

    rungs: tuple[Rung, ...]
    gradient: float

    def levels(self, samples: int, device: torch.device) -> tuple[Level, ...]:
        """The levels as a person sees them.

        Args:
            samples: The samples of a summary.
            device: Where it is made.

        Returns:
            The levels, coarse to fine; the first is never refused, there is none to take instead.
        """
        return tuple(
            Level(
                rung.level, rung.num_groups, rung.label, rung.known_as,
                self._refusal(rung, samples, device) if rung is not self.rungs[0] else "",
            )
            for rung in self.rungs
        )  # fmt: skip

    def _refusal(self, rung: Rung, samples: int, device: torch.device) -> str:
        """Why a run cannot have this level, "" if it can."""
        most = most_groups(device)
        if rung.num_groups > most:
            return f"more than the {most} groups that can be summarised on this device"
        if rung.num_groups > _allowed.most:
            return f"more than the {_allowed.most} groups that this lab allows"
        work = rung.cost * self.gradient * samples
        if work > _WORK.get(device.type, _WORK["cpu"]):
            return f"each summary is the work of {rung.cost:.0f} gradients, many minutes"
        return ""


def ladder(model: nn.Module, inputs: Tensor, samples: int) -> Ladder:
    """The ladder of a model.

    Args:
        model: The model; it is called on the inputs and left as it was.
        inputs: A few inputs, to see how much work each layer is.
        samples: The samples of a summary, in whose gradients a solve is told.

    Returns:
        The ladder.
    """
    gradient = partitions.gradient_work(model, inputs) / max(len(inputs), 1)
    return Ladder(partitions.ladder(model, inputs, samples=samples), gradient)


def own(partition: object, count: int) -> Level:
    """A run's level, which need be no rung.

    Args:
        partition: The level's name, or a person's own groups.
        count: S.

    Returns:
        The level; that of own groups has no name.
    """
    if not isinstance(partition, str):
        return Level("", count, f"S = {count}, own groups")
    return Level(partition, count, f"S = {count}, {partitions.label(partition)}")


def refusal(levels: tuple[Level, ...], name: object) -> str:
    """What to tell who asks for a level that is too large.

    Args:
        levels: The levels.
        name: The level's name, or a person's own groups.

    Returns:
        One line with the reason and the finest level there is; "" if the level can be had.
    """
    wanted = next((level for level in levels if level.name == name and level.refusal), None)
    if wanted is None:
        return ""
    return f"{wanted.label}: {wanted.refusal}. The finest level here: {finest(levels).label}."


def finest(levels: tuple[Level, ...]) -> Level:
    """The finest level that is not too large.

    Args:
        levels: The levels, coarse to fine; the first is never refused.

    Returns:
        The level.
    """
    return [level for level in levels if not level.refusal][-1]
