"""What a recording is made of: operations, and where in which piece of memory their tensors lie."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gnlab.summaries.replay.nested import leaves
from gnlab.summaries.replay.outs import Function


class NotRepeatableError(Exception):
    """An operation whose repetition could give something else; the message names it."""


class DrawnError(NotRepeatableError):
    """Random numbers were drawn meanwhile, by the computation or by another thread."""


# Neither of the two is ever changed. One that cannot be takes longer to make, which was a quarter
# of the time in which operations are taken up.
@dataclass(unsafe_hash=True, slots=True)
class Place:
    """Where a tensor lies.

    Attributes:
        piece: The number of the piece of memory.
        dtype: The tensor's dtype.
        offset: Where it begins, in elements.
        size: Its shape.
        stride: Its strides.
    """

    piece: int
    dtype: torch.dtype
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Step:
    """One operation.

    Attributes:
        func: The operation.
        way: The quickest function that does it.
        args: Its arguments, each tensor as its place.
        kwargs: Its keyword arguments, likewise.
        made: The places of its results in new memory.
        written: The pieces that it writes into instead.
    """

    func: Callable[..., Any]
    way: Function
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    made: tuple[Place, ...]
    written: frozenset[int]


def places(step: Step) -> Iterator[Place]:
    """Where a step's arguments lie.

    Args:
        step: The step.

    Returns:
        The places.
    """
    return (leaf for leaf in leaves((step.args, step.kwargs)) if isinstance(leaf, Place))
