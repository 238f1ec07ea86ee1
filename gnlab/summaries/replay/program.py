"""A program: recorded operations, to be repeated with other numbers in memory of its own."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.replay.memory import Lifetime, layout
from gnlab.summaries.replay.nested import replaced
from gnlab.summaries.replay.outs import EMPTY, FILLED, ZERO, Function, plain_name
from gnlab.summaries.replay.record import Record
from gnlab.summaries.replay.steps import NotRepeatableError, Place, Step, places

_TOLERANCE = 1e-6  # the same kernels, or nearly

Views = list[tuple[Tensor, int, tuple[int, ...], tuple[int, ...]]]
"""Fixed tensors, and where in some memory each is to be put: offset, size, stride."""
Action = tuple[Function, tuple[Any, ...], dict[str, Any], list[tuple[Views, int]], list[Views]]
"""A function, its arguments, what is to be put where its results are, if they are elsewhere, and
what is needed no more."""


class Program:
    """Recorded operations on fixed tensors.

    What an operation makes is put into memory of the program's own where torch lets one say where.
    Else, as with the inputs, the fixed tensors are moved to where it is. First it has to be built.

    Args:
        record: What was recorded.
        wanted: The places of the tensors that are wanted.

    Attributes:
        size: The bytes of the program's own memory.

    Raises:
        NotRepeatableError: If an operation left the inputs' device.
    """

    is_beside = False

    @torch.inference_mode()
    def __init__(self, record: Record, wanted: Sequence[Place]) -> None:
        device = record.devices[0]
        self._constants = dict(record.constants)
        steps = self._without_constants(record)
        if any(record.devices[p.piece] != device for s in steps for p in s.made):
            raise NotRepeatableError("numbers on another device")
        placed = [_is_placed(step) for step in steps]
        lives = _lifetimes(steps, placed, wanted, record.sizes)
        self._at, self.size = layout(list(lives))
        self._memory = torch.empty(self.size, dtype=torch.uint8, device=device)
        self._nothing = self._memory.new_empty(0).untyped_storage()
        self._views: defaultdict[int, Views] = defaultdict(list)
        self._fixed: dict[Place, Tensor] = {}
        self._rest = zip(steps, placed, _spent(steps, placed, wanted), strict=True)
        self._actions: list[Action] = []
        self._outputs = [self._tensor(place) for place in wanted]
        self._reads = [(piece, self._views[piece]) for piece in range(record.inputs)]

    @torch.inference_mode()
    def build(self, most: int | None = None) -> None:
        """Prepare the operations to be repeated.

        Args:
            most: How many; None: all that are left.
        """
        for step, placed, spent in itertools.islice(self._rest, most):
            action = self._action(step, placed, spent)
            if action is not None:
                self._actions.append(action)

    def prove(self, inputs: Sequence[Tensor], known: Sequence[Tensor]) -> None:
        """Hold a repetition against the computation itself.

        Args:
            inputs: Its inputs.
            known: What it gives.

        Raises:
            NotRepeatableError: If the repetition gives something else.
        """
        self.begin(inputs)
        check(self.finish(), [tensor.detach() for tensor in known], _TOLERANCE)

    def begin(self, inputs: Sequence[Tensor]) -> None:
        """Repeat the operations.

        Args:
            inputs: A tensor in each piece of memory that is read, as recorded.
        """
        with torch.inference_mode():
            self.read_from(inputs)
            try:
                self.repeat()
            finally:
                for _, views in self._reads:  # the inputs are not this program's to keep
                    self._let_go(views)

    def _let_go(self, views: Views) -> None:
        """Hold some memory no longer."""
        for fixed, *_ in views:
            fixed.set_(self._nothing)

    def read_from(self, inputs: Sequence[Tensor], begins: Sequence[int] | None = None) -> None:
        """Have the operations read the numbers of some inputs.

        Args:
            inputs: A tensor in each piece of memory that is read.
            begins: Where, in bytes, what is at the beginning of each was when it was recorded.
        """
        for piece, views in self._reads:
            storage = inputs[piece].untyped_storage()
            if begins is None:
                for fixed, offset, size, stride in views:
                    fixed.set_(storage, offset, size, stride)
                continue
            for fixed, offset, size, stride in views:
                fixed.set_(storage, offset - begins[piece] // fixed.element_size(), size, stride)

    def repeat(self) -> None:
        """Repeat the operations; the inputs are in their places."""
        for function, args, kwargs, elsewhere, spent in self._actions:
            made = function(*args, **kwargs)
            if elsewhere:
                several = (made,) if isinstance(made, Tensor) else filter(_is_tensor, made)
                for (views, offset), tensor in zip(elsewhere, several, strict=True):
                    # Some operators copy the whole memory that their argument lies in.
                    _move(views, tensor, tensor.storage_offset() - offset)
            for views in spent:
                self._let_go(views)

    @torch.inference_mode(False)
    def finish(self) -> list[Tensor]:
        """Copies of what came out."""
        with torch.no_grad():
            copies = [torch.empty_like(output) for output in self._outputs]
            torch._foreach_copy_(copies, self._outputs)
            return copies

    def extents(self) -> list[tuple[int, int]]:
        """Which bytes of each input are read, as begin and end."""
        found = []
        for _, views in self._reads:
            ends = []
            for fixed, offset, size, stride in views:
                if 0 not in size:
                    reach = sum((n - 1) * step for n, step in zip(size, stride, strict=True))
                    ends += [offset * fixed.element_size()]
                    ends += [(offset + reach + 1) * fixed.element_size()]
            found.append((min(ends, default=0), max(ends, default=0)))
        return found

    def _without_constants(self, record: Record) -> list[Step]:
        """The steps but those that make the same at each time, which is kept."""
        written = frozenset[int]().union(*(step.written for step in record.steps))
        rest = []
        for step in record.steps:
            filled = plain_name(step.func) in FILLED
            fixed = filled or all(p.piece in self._constants for p in places(step))
            if fixed and not step.written and not any(p.piece in written for p in step.made):
                self._constants |= {p.piece: record.fixed[p.piece] for p in step.made}
            else:
                rest.append(step)
        return rest

    def _action(self, step: Step, placed: bool, spent: Sequence[int]) -> Action | None:
        """What a step does to the fixed tensors; None for nothing."""
        name = plain_name(step.func)
        args, kwargs = replaced(Place, self._tensor, (step.args, dict(step.kwargs)))
        moved = []
        if placed:
            if name in EMPTY:
                return None
            out = self._tensor(step.made[0])
            args, kwargs = ((out,), {}) if name in ZERO else (args, kwargs | {"out": out})
        elif not step.written:
            moved = [(self._views[place.piece], place.offset) for place in step.made]
        return step.way, args, kwargs, moved, [self._views[piece] for piece in spent]

    def _tensor(self, place: Place) -> Tensor:
        """The fixed tensor of a place."""
        if place not in self._fixed:
            constant = self._constants.get(place.piece, self._memory)
            made = torch.empty(0, dtype=place.dtype, device=constant.device)
            if place.piece in self._at:
                begin = self._at[place.piece] // made.element_size() + place.offset
                made.set_(self._memory.untyped_storage(), begin, place.size, place.stride)
            else:
                self._views[place.piece].append((made, place.offset, place.size, place.stride))
                if place.piece in self._constants:
                    _move(self._views[place.piece][-1:], constant, 0)
            self._fixed[place] = made
        return self._fixed[place]


def _is_tensor(result: object) -> bool:
    """Whether one of several results is a tensor; what was not asked for is None."""
    return isinstance(result, Tensor)


def _move(views: Views, tensor: Tensor, further: int) -> None:
    """Put fixed tensors into the memory that a tensor lies in, some elements further on."""
    storage = tensor.untyped_storage()
    for fixed, offset, size, stride in views:
        fixed.set_(storage, offset + further, size, stride)


def _is_placed(step: Step) -> bool:
    """Whether a step's result goes into the program's own memory."""
    return bool(step.made) and step.way is not step.func


def _lifetimes(
    steps: Sequence[Step], placed: Sequence[bool], wanted: Sequence[Place], sizes: Sequence[int]
) -> Iterator[Lifetime]:
    """From which step to which each piece of the program's own memory is needed.

    Args:
        steps: The steps.
        placed: Whether each makes such a piece.
        wanted: What is needed to the end.
        sizes: Each piece's bytes.

    Yields:
        Lifetime: A piece's.
    """
    last = {place.piece: at for at, step in enumerate(steps) for place in places(step)}
    last |= {place.piece: len(steps) for place in wanted}
    for at, step in enumerate(steps):
        if placed[at]:
            piece = step.made[0].piece
            yield Lifetime(piece, sizes[piece], at, max(at, last.get(piece, at)))


def _spent(
    steps: Sequence[Step], placed: Sequence[bool], wanted: Sequence[Place]
) -> list[list[int]]:
    """The pieces of memory, of those that torch gives, that are needed by no step after each.

    Args:
        steps: The steps.
        placed: Whether each makes a piece of the program's own memory instead.
        wanted: What is needed to the end.

    Returns:
        The pieces, for each step.
    """
    last = {place.piece: at for at, step in enumerate(steps) for place in places(step)}
    kept = {place.piece for place in wanted}
    spent: list[list[int]] = [[] for _ in steps]
    for at, step in enumerate(steps):
        if not placed[at]:
            for piece in {place.piece for place in step.made} - kept:
                spent[last.get(piece, at)].append(piece)
    return spent


def check(found: Sequence[Tensor], known: Sequence[Tensor], tolerance: float) -> None:
    """Raise unless a repetition gives what the computation does.

    Args:
        found: What it gives.
        known: What the computation gives.
        tolerance: The largest difference, relative to a tensor's largest entry.

    Raises:
        NotRepeatableError: If something differs by more.
    """
    for one, two in zip(found, known, strict=True):
        scale = two.abs().max() if two.numel() else two.sum()
        if not torch.allclose(one, two, rtol=0, atol=tolerance * float(scale), equal_nan=True):
            raise NotRepeatableError("a repetition that gives something else")
