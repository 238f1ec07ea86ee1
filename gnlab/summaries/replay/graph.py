"""A program as a CUDA graph: all its kernels are launched at once, by the GPU itself."""

import logging
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from gnlab.guards.convolutions import tried_kernels
from gnlab.summaries.replay.program import Program, check
from gnlab.summaries.replay.steps import NotRepeatableError

_log = logging.getLogger("gnlab")
_told: set[str] = set()
_ALIGNMENT = 16
_WARM = 3  # repetitions before the capture: libraries set themselves up in the first ones
_TOLERANCE = 1e-5  # other kernels round otherwise


class Repetition(Protocol):
    """What repeats recorded operations.

    Attributes:
        size: The bytes of its own memory.
        is_beside: Whether the operations go on while Python does something else.
    """

    size: int
    is_beside: bool

    def begin(self, inputs: Sequence[Tensor]) -> None:
        """Repeat the operations with some inputs."""
        ...

    def finish(self) -> list[Tensor]:
        """What came out."""
        ...


class Copies:
    """Copies of what a program reads, which stay in one place.

    Args:
        program: The program; it reads from the copies from now on.
        inputs: Its inputs.

    Attributes:
        size: The bytes of the copies.
    """

    def __init__(self, program: Program, inputs: Sequence[Tensor]) -> None:
        extents = program.extents()
        self._begins = [begin // _ALIGNMENT * _ALIGNMENT for begin, _ in extents]
        lengths = [end - begin for begin, (_, end) in zip(self._begins, extents, strict=True)]
        copies = [
            torch.empty(length, dtype=torch.uint8, device=inputs[0].device) for length in lengths
        ]
        self.size = sum(lengths)
        program.read_from(copies, self._begins)
        # What one tensor holds is copied as it is, all tensors of a dtype in one launch; else the
        # memory it lies in, as numbers of the widest kind.
        self._whole: dict[torch.dtype, tuple[list[int], list[Tensor]]] = {}
        self._parts: list[tuple[int, Tensor]] = []
        for at, (tensor, begin, copy) in enumerate(zip(inputs, self._begins, copies, strict=True)):
            if _holds(tensor, *extents[at]):
                places, targets = self._whole.setdefault(tensor.dtype, ([], []))
                places.append(at)
                targets.append(_laid_out_as(tensor, copy, begin))
            elif len(copy):
                self._parts.append((at, copy.view(_widest(len(copy)))))

    def read(self, inputs: Sequence[Tensor]) -> None:
        """Copy what is read of some inputs."""
        for places, targets in self._whole.values():
            torch._foreach_copy_(targets, [inputs[at] for at in places])
        for at, copy in self._parts:
            source = torch.empty(0, dtype=copy.dtype, device=copy.device)
            first = self._begins[at] // copy.dtype.itemsize
            copy.copy_(source.set_(inputs[at].untyped_storage(), first, copy.shape, (1,)))


def _holds(tensor: Tensor, begin: int, end: int) -> bool:
    """Whether a tensor is dense, and is all that is read of the memory that it lies in."""
    size = tensor.element_size()
    first = tensor.storage_offset() * size
    dense = torch.ops.aten.is_non_overlapping_and_dense(tensor)
    return bool(dense) and (first, first + tensor.numel() * size) == (begin, end)


def _laid_out_as(tensor: Tensor, copy: Tensor, begin: int) -> Tensor:
    """A tensor's layout in the copy of its memory from some byte on."""
    place = tensor.storage_offset() - begin // tensor.element_size()
    view = torch.empty(0, dtype=tensor.dtype, device=copy.device)
    return view.set_(copy.untyped_storage(), place, tensor.shape, tensor.stride())


def _widest(length: int) -> torch.dtype:
    """The widest kind of numbers that bytes can be copied as."""
    kinds = (torch.int64, torch.int32, torch.int16)
    return next((kind for kind in kinds if length % kind.itemsize == 0), torch.uint8)


class Graph:
    """A captured program; what it reads is copied to where the kernels expect it.

    Args:
        program: The program, on a CUDA device.
        inputs: The inputs that it was recorded with.

    Attributes:
        size: The bytes of its own memory.
    """

    is_beside = True

    @torch.inference_mode()
    def __init__(self, program: Program, inputs: Sequence[Tensor]) -> None:
        self._program = program
        # Torch declares no types for what makes an event, as below for a stream.
        self._read = torch.cuda.Event()  # type: ignore[no-untyped-call]
        known = program.finish()
        self._inputs = Copies(program, inputs)
        self.size = program.size + self._inputs.size
        self._inputs.read(inputs)
        with tried_kernels():
            self._capture(inputs[0].device)
        self.begin(inputs)
        check(self.finish(), known, _TOLERANCE)

    def _capture(self, device: torch.device) -> None:
        """Capture the program, whose inputs have been read."""
        program = self._program
        # Torch declares no types for what makes a Stream, and strict checking forbids such calls.
        side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(_WARM):
                program.repeat()
        torch.cuda.current_stream(device).wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        # What other threads do meanwhile is no part of it, and must not make it fail.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            program.repeat()

    def begin(self, inputs: Sequence[Tensor]) -> None:
        """Repeat the operations.

        Args:
            inputs: A tensor in each piece of memory that is read, as recorded.
        """
        # Another stream may still be reading what came out the last time.
        torch.cuda.current_stream(inputs[0].device).wait_event(self._read)
        with torch.inference_mode():
            self._inputs.read(inputs)
            self._graph.replay()

    def finish(self) -> list[Tensor]:
        """What came out, in the order of the device's stream.

        Returns:
            The outputs.
        """
        found = self._program.finish()
        self._read.record(torch.cuda.current_stream(found[0].device))
        return found


def captured(program: Program, inputs: Sequence[Tensor]) -> Repetition:
    """A program as a graph where there are graphs, and else as it is; why is said once.

    Args:
        program: The program.
        inputs: The inputs that it was recorded with.

    Returns:
        What to run.
    """
    if not _has_graphs(inputs[0].device):
        return program
    try:
        return Graph(program, inputs)
    except (RuntimeError, NotRepeatableError) as error:  # what cannot be captured, or no memory
        _tell((str(error).splitlines() or [type(error).__name__])[0])
        return program


def _has_graphs(device: torch.device) -> bool:
    """Whether there are graphs on a device."""
    return device.type == "cuda"


def _tell(reason: str) -> None:
    """Say once why a summary is no graph."""
    if reason not in _told:
        _told.add(reason)
        _log.warning(
            "no CUDA graph of a summary (%s): its operations are repeated one by one, more slowly.",
            reason,
        )
