"""A record: the operations that compute something, and which pieces of memory they need.

A tensor is known by the piece of memory that it lies in and by its layout there. So a view is
nothing to be done again, only another layout, and nothing else has to be told about it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from gnlab.summaries.jets.ranks import is_kept
from gnlab.summaries.replay.nested import leaves, replaced
from gnlab.summaries.replay.operators import Operator
from gnlab.summaries.replay.outs import FILLED, quickest
from gnlab.summaries.replay.steps import NotRepeatableError, Place, Step


class Record:
    """Operations in order; of the tensors met those are kept that may be constants.

    Attributes:
        inputs: How many inputs there are.
        steps: The operations in order.
        sizes: The bytes of each piece of memory.
        devices: Where each is.
        constants: A tensor in each piece that is neither an input nor made by a step.
        fixed: A tensor in each piece that steps make from constants alone.

    Args:
        inputs: A tensor in each piece that the computation may read, numbered from 0.
    """

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self.steps: list[Step] = []
        self.sizes: list[int] = []
        self.devices: list[torch.device] = []
        self.constants: dict[int, Tensor] = {}
        self.fixed: dict[int, Tensor] = {}
        self.inputs = len(inputs)
        self._numbers: dict[int, int] = {}
        self._asked: list[int] = []  # the pieces whose places were asked for
        # What is let go leaves its number to nobody else as long as there is such a reference.
        self._met: list[StorageWeakRef] = []
        for tensor in inputs:
            self._take(tensor)

    def place(self, tensor: Tensor) -> Place:
        """Where a tensor lies.

        Args:
            tensor: The tensor.

        Returns:
            Its place.

        Raises:
            NotRepeatableError: If its numbers come from somewhere that was not seen.
        """
        piece = self._numbers.get(_memory(tensor))
        if piece is None:
            if not is_kept(tensor):
                raise NotRepeatableError("a tensor from elsewhere")
            piece = self._take(tensor)
            self.constants[piece] = tensor
        self._asked.append(piece)
        return _placed(piece, tensor)

    def add(
        self, operator: Operator, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        """Take up what was done, if it computed something.

        Args:
            operator: The operator.
            args: What it was given; no tensor's layout has changed since, nor has any of those in
                earlier operations been let go before they were taken up.
            kwargs: What it was given by name, likewise.
            result: What came out.

        Raises:
            NotRepeatableError: If its repetition could give something else.
        """
        if operator.lifts:  # what Python makes of numbers of its own
            piece = self._take(args[0])
            self.constants[piece] = args[0]
        written = self._written(operator, args, kwargs) if operator.written else frozenset()
        if not written and self.has(result):
            return  # it only says where something lies
        self._asked.clear()
        given = replaced(Tensor, self.place, args)
        named = replaced(Tensor, self.place, kwargs) if kwargs else {}
        fixed = not written and (operator.name in FILLED or all(map(self._is_fixed, self._asked)))
        results = _tensors(result)
        new = [leaf for leaf in results if not self._is_known(leaf)]
        if new and (written or len(new) < len(results)):
            raise NotRepeatableError(operator.name)
        if new or written:
            for tensor in new:
                self._take(tensor)
            made = tuple([_placed(self._numbers[_memory(tensor)], tensor) for tensor in new])
            writes = bool(written)
            way = quickest(operator, lambda: (args, kwargs), makes=len(made), writes=writes)
            self.steps.append(Step(operator.func, way, given, named, made, written))
            if fixed:
                self.fixed |= zip((place.piece for place in made), new, strict=True)
            for piece in written:
                self.fixed.pop(piece, None)

    def _is_fixed(self, piece: int) -> bool:
        """Whether the same is in a piece at each time, as far as can be told by now."""
        return piece in self.constants or piece in self.fixed

    def has(self, result: Any) -> bool:
        """Whether all that came out of an operation lies in pieces that are known.

        Args:
            result: What came out.

        Returns:
            Whether it does.
        """
        return all(map(self._is_known, _tensors(result)))

    def _is_known(self, tensor: Tensor) -> bool:
        return _memory(tensor) in self._numbers

    def _take(self, tensor: Tensor) -> int:
        """A number for a new piece of memory."""
        storage = tensor.untyped_storage()
        self._numbers[storage._cdata] = len(self._met)
        # Torch declares no types for it.
        self._met.append(StorageWeakRef(storage))  # type: ignore[no-untyped-call]
        self.sizes.append(storage.nbytes())
        self.devices.append(tensor.device)
        return len(self._met) - 1

    def _written(
        self, operator: Operator, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> frozenset[int]:
        """The pieces that an operation writes into."""
        written = {
            self.place(tensor).piece
            for at, name in operator.written
            for tensor in leaves(args[at] if at < len(args) else kwargs.get(name))
            if isinstance(tensor, Tensor)
        }
        if any(piece < self.inputs or piece in self.constants for piece in written):
            raise NotRepeatableError(f"{operator.name}, of an input")
        return frozenset(written)


def try_out(
    operator: Operator, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
) -> None:
    """Find the quickest way to do again what was done, which is remembered.

    Args:
        operator: The operator.
        args: What it was given.
        kwargs: What it was given by name.
        result: What came out.
    """
    given = {_memory(leaf) for leaf in leaves((args, kwargs)) if isinstance(leaf, Tensor)}
    makes = sum(_memory(leaf) not in given for leaf in _tensors(result))
    writes = bool(operator.written)
    if makes or writes:
        quickest(operator, lambda: (args, kwargs), makes=makes, writes=writes)


def _placed(piece: int, tensor: Tensor) -> Place:
    """Where a tensor in a piece of memory lies."""
    if tensor.layout != torch.strided or tensor.is_conj() or tensor.is_neg():
        raise NotRepeatableError("a tensor of an unusual layout")
    offset = int(tensor.storage_offset())
    return Place(piece, tensor.dtype, offset, tensor.shape, tensor.stride())


def _memory(tensor: Tensor) -> int:
    """The piece of memory that a tensor lies in."""
    return int(tensor.untyped_storage()._cdata)


def _tensors(result: Any) -> list[Tensor]:
    """The tensors that came out of an operation."""
    if type(result) is Tensor:
        return [result]
    return [leaf for leaf in leaves(result) if isinstance(leaf, Tensor)]
