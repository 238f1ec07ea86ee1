"""What has to be known of torch's operators to do again what they did."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

_TAGS = frozenset(
    {
        torch.Tag.data_dependent_output,
        torch.Tag.dynamic_output_shape,
        torch.Tag.nondeterministic_seeded,
    }
)
_MOVING = frozenset({"set_", "resize_", "resize_as_"})


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """What has to be known of an operator.

    Attributes:
        func: The operator.
        name: Its name, without that of its overload.
        relays: Whether it gives the memory of its argument another layout.
        moves: Whether it gives its argument other memory.
        unsure: Whether what it makes may depend on more than its arguments' layouts.
        lifts: Whether it only hands on what Python made of numbers of its own.
        makes: Whether its result may lie in new memory.
        computes: Whether it makes something, or writes.
        written: The place among the arguments, and the name, of each that it writes into.
    """

    func: Callable[..., Any]
    name: str
    relays: bool
    moves: bool
    unsure: bool
    lifts: bool
    makes: bool
    computes: bool
    written: tuple[tuple[int, str], ...]


_known: dict[int, Operator] = {}


def operator_of(func: Any) -> Operator:
    """What has to be known of an operator: asking it each time took as long as all the rest.

    Args:
        func: The operator.

    Returns:
        It.
    """
    # Torch's operators are hashed in Python, by name. What is known of one keeps it, and so its id.
    found = _known.get(id(func))
    if found is None:
        found = _known[id(func)] = _described(func)
    return found


def _described(func: Any) -> Operator:
    """What an operator's schema and tags tell."""
    schema = func._schema
    name = schema.name.removeprefix("aten::")
    written = tuple(
        (at, argument.name)
        for at, argument in enumerate(schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )
    lifts = name.startswith("lift")
    makes = any(made.alias_info is None for made in schema.returns)
    return Operator(
        func=func,
        name=name,
        relays=torch.Tag.inplace_view in func.tags and name not in _MOVING,
        moves=name in _MOVING,
        unsure=bool(_TAGS.intersection(func.tags)),
        lifts=lifts,
        makes=makes,
        computes=makes or lifts or bool(written),
        written=written,
    )
