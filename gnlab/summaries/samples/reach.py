"""Which groups have reached a value, and in how many rows: how large its jet is.

Legend: q colours of groups that own units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gnlab.summaries.jets.colours import Colouring
from gnlab.summaries.jets.jet import Jet, Operand
from gnlab.summaries.jets.owned import Owning
from gnlab.summaries.jets.ranks import Ranks
from gnlab.summaries.rules import APART, LAYERS, Call


@dataclass(frozen=True, slots=True)
class Reach:
    """The groups that have reached a value.

    Attributes:
        groups: Those with rows of their own.
        colourings: Those that share rows.
    """

    groups: frozenset[int] = frozenset()
    colourings: frozenset[Colouring] = frozenset()

    def __len__(self) -> int:
        """The rows of first derivatives."""
        return len(self.groups) + sum(len(colouring.owner) for colouring in self.colourings)

    def __or__(self, other: "Reach") -> "Reach":
        """Those that have reached either of two values."""
        return Reach(self.groups | other.groups, self.colourings | other.colourings)

    def of(self, some: Ranks) -> "Reach":
        """Some of them."""
        kept = (colouring.of(some) for colouring in self.colourings)
        return Reach(self.groups.intersection(some), frozenset(c for c in kept if c.ranks))

    @property
    def every(self) -> frozenset[int]:
        """All of them."""
        return self.groups.union(*(colouring.ranks for colouring in self.colourings))

    @property
    def apart(self) -> "Reach":
        """The same once each has rows of its own."""
        return Reach(self.every)


def reach_of(operand: Operand) -> Reach:
    """The groups that have reached an operand, as its jet has them.

    Args:
        operand: The operand.

    Returns:
        The groups; none if it carries no jet.
    """
    jet: Jet | None = operand.carried
    if jet is None:
        return Reach()
    if isinstance(jet, Owning):
        return Reach(colourings=frozenset({jet.colouring}))
    own = jet.coloured
    return Reach(frozenset(jet.ranks), frozenset() if own is None else frozenset({own.colouring}))


def reach_after(call: Call, reached: Mapping[int, Reach]) -> Reach:
    """The groups that have reached a call's results.

    Args:
        call: The call.
        reached: Those that have reached each value, by id.

    Returns:
        The groups.
    """

    def of(given: Any) -> Reach:
        return reached.get(id(given), Reach())

    if call.name in LAYERS and not call.name.startswith("conv_transpose"):
        named = call.named("input", "weight", "bias")
        own = of(named["weight"]) | of(named.get("bias"))
        return of(named["input"]).apart | own
    found = Reach()
    for operand in call.given:
        found |= of(operand) if _keeps_apart(call, operand) else of(operand).apart
    return found


def _keeps_apart(call: Call, operand: Operand) -> bool:
    """Whether groups that own an operand's units are told apart by these after a call."""
    return call.name in APART and call.name not in LAYERS and operand.name is None
