"""Recording: the operations of a computation that compute something, as torch carries them out.

A tensor is known by the piece of memory that it lies in and by its layout there. So a view is
nothing to be done again, only another layout, and nothing else has to be told about it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from gnlab.summaries.jets import is_kept


class NotRepeatableError(Exception):
    """An operation whose repetition could give something else; the message names it."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation.

    Attributes:
        func: The operation.
        args: Its arguments, each tensor as its place.
        kwargs: Its keyword arguments, likewise.
        made: The places of its results in new memory.
        written: The pieces that it writes into instead.
    """

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    made: tuple[Place, ...]
    written: frozenset[int]


_TAGS = frozenset(
    {
        torch.Tag.data_dependent_output,
        torch.Tag.dynamic_output_shape,
        torch.Tag.nondeterministic_seeded,
    }
)
_MOVING = frozenset({"set_", "resize_", "resize_as_"})


def _is_masked(args: Any) -> bool:
    """Whether something is chosen by a mask, so that how much there is depends on numbers."""
    masks = (torch.bool, torch.uint8)
    return any(isinstance(leaf, Tensor) and leaf.dtype in masks for leaf in tree_leaves(args[1:]))


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base has no types
    """A context that records; every tensor met is kept until the recorder is let go.

    Attributes:
        steps: The operations in order.
        sizes: The bytes of each piece of memory.
        constants: A tensor in each piece that is neither an input nor made by a step.

    Args:
        inputs: A tensor in each piece that the computation may read, numbered from 0.
    """

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nor has its method
        self.steps: list[Step] = []
        self.sizes: list[int] = []
        self.constants: dict[int, Tensor] = {}
        self._inputs = len(inputs)
        self._numbers: dict[int, int] = {}
        self._met: list[Tensor] = []
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
        piece = self._numbers.get(tensor.untyped_storage()._cdata)
        if piece is None:
            if not is_kept(tensor):
                raise NotRepeatableError("a tensor from elsewhere")
            piece = self._take(tensor)
            self.constants[piece] = tensor
        if tensor.layout != torch.strided or tensor.is_conj() or tensor.is_neg():
            raise NotRepeatableError("a tensor of an unusual layout")
        offset = int(tensor.storage_offset())
        return Place(piece, tensor.dtype, offset, tuple(tensor.shape), tensor.stride())

    def tensor(self, place: Place) -> Tensor:
        """The tensor that lies at a place, as it was left."""
        made = torch.empty(0, dtype=place.dtype, device=self._met[place.piece].device)
        storage = self._met[place.piece].untyped_storage()
        return made.set_(storage, place.offset, place.size, place.stride)

    def dispatched(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Carry an operation out, and record it if it computes something."""
        options = dict(kwargs or {})
        name = func._schema.name.removeprefix("aten::")
        if torch.Tag.inplace_view in func.tags and name not in _MOVING:
            return func(*args, **options)  # another layout of the same memory
        masked = name != "index" or _is_masked(args)
        if name in _MOVING or (_TAGS.intersection(func.tags) and masked):
            raise NotRepeatableError(name)
        if name.startswith("lift"):  # what Python makes of numbers of its own
            piece = self._take(args[0])
            self.constants[piece] = args[0]
        given, named = tree_map_only(Tensor, self.place, (args, options))
        result = func(*args, **options)
        written = self._written(func, args, options)
        results = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        new = [leaf for leaf in results if not self._is_known(leaf)]
        if new and (written or len(new) < len(results)):
            raise NotRepeatableError(name)
        for tensor in new:
            self._take(tensor)
        if new or written:
            made = tuple(self.place(tensor) for tensor in new)
            self.steps.append(Step(func, given, named, made, written))
        return result

    def _is_known(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._numbers

    def _take(self, tensor: Tensor) -> int:
        """A number for a new piece of memory."""
        storage = tensor.untyped_storage()
        self._numbers[storage._cdata] = len(self._met)
        self._met.append(tensor)
        self.sizes.append(storage.nbytes())
        return len(self._met) - 1

    def _written(self, func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> frozenset[int]:
        """The pieces that an operation writes into."""
        given = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | options
        written = {
            self.place(tensor).piece
            for argument in func._schema.arguments
            if argument.alias_info is not None and argument.alias_info.is_write
            for tensor in tree_leaves(given.get(argument.name))
            if isinstance(tensor, Tensor)
        }
        if any(piece < self._inputs or piece in self.constants for piece in written):
            raise NotRepeatableError(f"{func._schema.name}, of an input")
        return frozenset(written)


# Torch wraps the method of a class that defines it, and what it wraps imports its compiler when it
# is first called: more than a second, in the middle of a run.
Recorder.__torch_dispatch__ = Recorder.dispatched  # type: ignore[assignment]  # it names types
