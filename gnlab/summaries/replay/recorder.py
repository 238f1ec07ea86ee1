"""Recording: a computation's operations, as torch carries them out.

To take an operation up in the record takes as long as to notice it. So what a small computation
did is only noticed while it goes on, and taken up bit by bit later, lest it take three times as
long as usual; the tensors are held until then. A large one's are not: new memory for all of them
takes longer than the record.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gnlab.summaries.replay.nested import leaves
from gnlab.summaries.replay.operators import Operator, operator_of
from gnlab.summaries.replay.record import Record, try_out
from gnlab.summaries.replay.room import LARGE
from gnlab.summaries.replay.steps import NotRepeatableError

_met: set[Operator] = set()  # of which it was tried how they are repeated


# Torch declares no types for its base class; strict checking forbids to call what has none, and
# that is what deriving from it and its __init__ do.
class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context that records.

    Attributes:
        record: What was recorded and taken up.

    Args:
        inputs: A tensor in each piece of memory that the computation may read.
        holds: Whether to hold what is made, as long as it is not much.
    """

    def __init__(self, inputs: Sequence[Tensor], *, holds: bool = True) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.record = Record(inputs)
        self._waiting: deque[tuple[Operator, tuple[Any, ...], Mapping[str, Any], Any]] = deque()
        self._room = LARGE if holds else -1

    @property
    def waiting(self) -> int:
        """How many operations are still to be taken up."""
        return len(self._waiting)

    @property
    def is_large(self) -> bool:
        """Whether what was made is too much to be held for long."""
        return self._room < 0

    def settle(self, most: int | None = None) -> None:
        """Take operations up.

        Args:
            most: How many; None: all that wait.

        Raises:
            NotRepeatableError: If the repetition of one could give something else.
        """
        for _ in range(self.waiting if most is None else min(most, self.waiting)):
            self.record.add(*self._waiting.popleft())

    def dispatched(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Carry an operation out, and have it recorded."""
        options, record = kwargs or {}, self.record
        operator = operator_of(func)
        if operator.relays:
            self.settle()  # while every tensor still has the layout that it was used with
            return func(*args, **options)
        if operator.moves or (operator.unsure and (operator.name != "index" or _is_masked(args))):
            raise NotRepeatableError(operator.name)
        result = func(*args, **options)
        if operator not in _met:
            # How to do it again is tried with its numbers, while they are there.
            _met.add(operator)
            try_out(operator, args, options, result)
        if self._room < 0:
            if operator.computes or not record.has(result):
                record.add(operator, args, options, result)
            return result  # else it only says where something lies, as two of three operations do
        self._waiting.append((operator, args, options, result))
        if operator.makes:
            self._room -= _bytes(result)
            if self._room < 0:
                self.settle()
        return result


# Torch wraps the method of a class that defines it, and what it wraps imports its compiler when it
# is first called: more than a second, in the middle of a run. Set afterwards it is not wrapped; a
# type checker minds that a method is set, and that it asks for more than torch's, which takes Any.
Recorder.__torch_dispatch__ = Recorder.dispatched  # type: ignore[assignment]


def _is_masked(args: Any) -> bool:
    """Whether something is chosen by a mask, so that how much there is depends on numbers."""
    masks = (torch.bool, torch.uint8)
    return any(isinstance(leaf, Tensor) and leaf.dtype in masks for leaf in leaves(args[1:]))


def _bytes(result: Any) -> int:
    """The bytes of what an operation made."""
    if type(result) is Tensor:
        return result.nbytes
    return sum(leaf.nbytes for leaf in leaves(result) if isinstance(leaf, Tensor))
