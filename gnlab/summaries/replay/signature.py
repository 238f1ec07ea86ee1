"""What a pass depends on apart from the numbers: as a key, and the tensors that the numbers are in.

Two passes with the same key are the same operations on tensors of the same shapes and layouts, in
memory shared in the same way.
"""

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.forward import Way, rule_of
from gnlab.summaries.jets import Operand
from gnlab.summaries.rules import Call

Key = tuple[Hashable, ...]

_PLAIN = (
    int, float, bool, complex, str, type(None), type(...), torch.dtype, torch.device,
    torch.layout, torch.memory_format,
)  # fmt: skip


class UnknownError(Exception):
    """Something among a call's arguments could change unseen."""


class Signature:
    """The key of a pass, and its inputs.

    Args:
        way: The pass.

    Attributes:
        key: What it depends on.
        inputs: A tensor in each piece of memory that it reads, in the order in which they are met.

    Raises:
        UnknownError: If what it depends on cannot be told.
    """

    def __init__(self, way: Way) -> None:
        self.inputs: list[Tensor] = []
        self._pieces: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        groups, tape = way.groups, way.tape
        ranks = groups.ranks
        leaves = tuple(
            (name, self._operand(leaf), ranks.get(name), name in groups.pieces)
            for name, leaf in tape.leaves.items()
        )
        u = tuple((name, self._tensor(value)) for name, value in way.u.items())
        owners = tuple(self._tensor(owner) for owner in groups.owners.values() if owner.dim() > 0)
        calls = tuple(self._call(call) for call in tape.calls)
        size, last = groups.size, self._operand(way.result)
        self.key: Key = (size, way.named, str(way.device), leaves, u, owners, calls, last)

    def _call(self, call: Call) -> Key:
        """A call: the rule, what it is given, and what is known of its results."""
        rule = rule_of(call.name)
        given = self._any(call.args), self._any(call.kwargs)
        results = tuple(self._operand(operand) for operand in call.results)
        kept = tuple(self._any(value) for value in (call.kept, call.delta))
        return (call.name, rule, call.func, call.place, call.several, *given, results, kept)

    def _operand(self, operand: Operand) -> Key:
        """An operand, by its number; what is known of it where it is met first."""
        known = self._numbers.get(id(operand))
        if known is not None:
            return ("again", known)
        self._numbers[id(operand)] = len(self._numbers)
        named = operand.name is not None
        return ("operand", named, operand.apart, self._tensor(operand.value))

    def _tensor(self, tensor: Tensor) -> Key:
        """A tensor: which piece of memory it lies in, and how."""
        dtype = tensor.dtype
        if tensor.layout is not torch.strided or dtype.is_complex:
            raise UnknownError("a tensor of an unusual layout")
        piece = tensor.untyped_storage()._cdata
        number = self._pieces.get(piece)
        if number is None:
            number = self._pieces[piece] = len(self.inputs)
            self.inputs.append(tensor)
        return (number, dtype, tensor.storage_offset(), tensor.shape, tensor.stride())

    def _any(self, given: Any) -> Hashable:
        """Any argument."""
        if isinstance(given, Operand):
            return self._operand(given)
        if isinstance(given, Tensor):
            return self._tensor(given)
        if isinstance(given, Mapping):
            return tuple((key, self._any(value)) for key, value in given.items())
        if isinstance(given, (tuple, list)):
            return (type(given), *[self._any(value) for value in given])
        if isinstance(given, slice):
            return ("slice", *[self._any(value) for value in (given.start, given.stop, given.step)])
        if not isinstance(given, _PLAIN):
            raise UnknownError(f"an argument of type {type(given).__name__}")
        return (type(given), given)  # 1, 1.0 and True are equal for Python
