"""Recording: the operations of a computation that compute something, as torch carries them out.

A tensor is known by the piece of memory that it lies in and by its layout there. So a view is
nothing to be done again, only another layout, and nothing else has to be told about it.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from gnlab.summaries.ranks import is_kept
from gnlab.summaries.replay.nested import leaves, replaced
from gnlab.summaries.replay.outs import FILLED, Function, plain_name, quickest


class NotRepeatableError(Exception):
    """An operation whose repetition could give something else; the message names it."""


class DrawnError(NotRepeatableError):
    """Random numbers were drawn meanwhile, by the computation or by another thread."""


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


_TAGS = frozenset(
    {
        torch.Tag.data_dependent_output,
        torch.Tag.dynamic_output_shape,
        torch.Tag.nondeterministic_seeded,
    }
)
_MOVING = frozenset({"set_", "resize_", "resize_as_"})


@dataclass(frozen=True, slots=True)
class _Operator:
    """What has to be known of an operator.

    Attributes:
        name: Its name, without that of its overload.
        relays: Whether it gives the memory of its argument another layout.
        unsure: Whether what it makes may depend on more than its arguments' layouts.
        written: The place among the arguments, and the name, of each that it writes into.
    """

    name: str
    relays: bool
    unsure: bool
    written: tuple[tuple[int, str], ...]


@functools.cache
def _operator(func: Any) -> _Operator:
    """What has to be known of an operator: asking it each time took as long as all the rest."""
    name = func._schema.name.removeprefix("aten::")
    written = tuple(
        (at, argument.name)
        for at, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )
    relays = torch.Tag.inplace_view in func.tags and name not in _MOVING
    return _Operator(name, relays, bool(_TAGS.intersection(func.tags)), written)


def _is_masked(args: Any) -> bool:
    """Whether something is chosen by a mask, so that how much there is depends on numbers."""
    masks = (torch.bool, torch.uint8)
    return any(isinstance(leaf, Tensor) and leaf.dtype in masks for leaf in leaves(args[1:]))


# Torch declares no types for its base class; strict checking forbids to call what has none, and
# that is what deriving from it and its __init__ do.
class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context that records; of the tensors met it keeps those that may be constants.

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
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Step] = []
        self.sizes: list[int] = []
        self.devices: list[torch.device] = []
        self.constants: dict[int, Tensor] = {}
        self.fixed: dict[int, Tensor] = {}
        self.inputs = len(inputs)
        self._numbers: dict[int, int] = {}
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

    def dispatched(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Carry an operation out, and record it if it computes something."""
        options = dict(kwargs) if kwargs else {}
        operator = _operator(func)
        name = operator.name
        if operator.relays:
            return func(*args, **options)
        if name in _MOVING or (operator.unsure and (name != "index" or _is_masked(args))):
            raise NotRepeatableError(name)
        if name.startswith("lift"):  # what Python makes of numbers of its own
            piece = self._take(args[0])
            self.constants[piece] = args[0]
        result = func(*args, **options)
        written = self._written(operator, args, options) if operator.written else frozenset()
        results = (
            [result]
            if type(result) is Tensor
            else [leaf for leaf in leaves(result) if isinstance(leaf, Tensor)]
        )
        if not written and all(map(self._is_known, results)):
            return result  # it only says where something lies, as two of three operations do
        given, named = replaced(Tensor, self.place, (args, options))
        new = [leaf for leaf in results if not self._is_known(leaf)]
        if new and (written or len(new) < len(results)):
            raise NotRepeatableError(name)
        for tensor in new:
            self._take(tensor)
        if new or written:
            made = tuple(self.place(tensor) for tensor in new)
            way = quickest(func, lambda: (args, options), makes=len(made), writes=bool(written))
            step = Step(func, way, given, named, made, written)
            self.steps.append(step)
            if self._is_fixed(step):
                self.fixed |= zip((place.piece for place in made), new, strict=True)
            for piece in written:
                self.fixed.pop(piece, None)
        return result

    def _is_fixed(self, step: Step) -> bool:
        """Whether a step makes the same at each time, as far as can be told by now."""
        return not step.written and (
            plain_name(step.func) in FILLED
            or all(p.piece in self.constants or p.piece in self.fixed for p in places(step))
        )

    def _is_known(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._numbers

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
        self, operator: _Operator, args: tuple[Any, ...], options: dict[str, Any]
    ) -> frozenset[int]:
        """The pieces that an operation writes into."""
        written = {
            self.place(tensor).piece
            for at, name in operator.written
            for tensor in leaves(args[at] if at < len(args) else options.get(name))
            if isinstance(tensor, Tensor)
        }
        if any(piece < self.inputs or piece in self.constants for piece in written):
            raise NotRepeatableError(f"{operator.name}, of an input")
        return frozenset(written)


# Torch wraps the method of a class that defines it, and what it wraps imports its compiler when it
# is first called: more than a second, in the middle of a run. Set afterwards it is not wrapped; a
# type checker minds that a method is set, and that it asks for more than torch's, which takes Any.
Recorder.__torch_dispatch__ = Recorder.dispatched  # type: ignore[assignment]
