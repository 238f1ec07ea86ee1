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

_KINDS = (
    int, float, bool, complex, str, type(None), type(...), torch.dtype, torch.device,
    torch.layout, torch.memory_format,
)  # fmt: skip
_PLAIN = frozenset(_KINDS)  # to ask whether something is one of many kinds takes long


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
        self._key: list[Hashable] = []
        self._pieces: dict[int, int] = {}
        self._numbers: dict[Operand, int] = {}
        groups, tape, self._device = way.groups, way.tape, way.device
        # What may be more or fewer entries begins with its length or its kind, so that no two
        # passes have the same entries.
        self._key += (groups.size, way.named, str(way.device), len(tape.leaves), len(way.u))
        for name, leaf in tape.leaves.items():
            self._key += (name, groups.ranks.get(name), name in groups.pieces)
            self._operand(leaf)
        for name, value in way.u.items():
            self._key.append(name)
            self._tensor(value)
        for owner in groups.owners.values():
            self._key.append(owner.dim())
            if owner.dim() > 0:
                self._tensor(owner)
        self._tensor(way.factor)
        for call in tape.calls:
            self._call(call)
        self._key.append("result")
        self._operand(way.result)
        self.key: Key = tuple(self._key)

    def _call(self, call: Call) -> None:
        """A call: the rule, what it is given, and what is known of its results."""
        name = call.name
        self._key += ("call", name, rule_of(name), call.func, call.place, call.several)
        self._any(call.args)
        self._any(call.kwargs)
        self._key.append(len(call.results))
        for operand in call.results:
            self._operand(operand)
        for value in (call.kept, call.delta):
            if value is None:
                self._key.append(None)
            else:
                self._tensor(value)

    def _operand(self, operand: Operand) -> None:
        """An operand, by its number; what is known of it where it is met first."""
        known = self._numbers.get(operand)
        if known is not None:
            self._key += ("again", known)
            return
        self._numbers[operand] = len(self._numbers)
        self._key += ("operand", operand.name is not None, operand.apart)
        self._tensor(operand.value)

    def _tensor(self, tensor: Tensor) -> None:
        """A tensor: which piece of memory it lies in, and how."""
        dtype = tensor.dtype
        if tensor.layout is not torch.strided or dtype.is_complex:
            raise UnknownError("a tensor of an unusual layout")
        if tensor.device != self._device:
            raise UnknownError("a tensor on another device")
        piece = tensor.untyped_storage()._cdata
        number = self._pieces.get(piece)
        if number is None:
            number = self._pieces[piece] = len(self.inputs)
            self.inputs.append(tensor)
        self._key += (number, dtype, tensor.storage_offset(), tensor.shape, tensor.stride())

    def _any(self, given: Any) -> None:
        """Any argument."""
        kind: Any = type(given)
        if kind is Operand:
            self._operand(given)
        elif kind in _PLAIN or isinstance(given, _KINDS):
            self._key += (kind, given)  # 1, 1.0 and True are equal for Python
        elif isinstance(given, Tensor):
            self._key.append("tensor")
            self._tensor(given)
        elif isinstance(given, Mapping):
            self._key += ("mapping", len(given))
            for key, value in given.items():
                self._key.append(key)
                self._any(value)
        elif isinstance(given, (tuple, list)):
            self._key += (kind, len(given))
            for value in given:
                self._any(value)
        elif isinstance(given, slice):
            self._key.append("slice")
            for value in (given.start, given.stop, given.step):
                self._any(value)
        else:
            raise UnknownError(f"an argument of type {type(given).__name__}")
