"""A program as a CUDA graph: all its kernels are launched at once, by the GPU itself."""

import logging
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from gnlab.summaries.replay.program import Program

_log = logging.getLogger(__name__)
_ALIGNMENT = 16
_WARM = 3  # repetitions before the capture: libraries set themselves up in the first ones


class Repetition(Protocol):
    """What repeats recorded operations.

    Attributes:
        size: The bytes of its own memory.
    """

    size: int

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Repeat the operations with some inputs; returns the outputs."""
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
        self._lengths = [end - begin for begin, (_, end) in zip(self._begins, extents, strict=True)]
        device = inputs[0].device
        self._copies = [torch.empty(n, dtype=torch.uint8, device=device) for n in self._lengths]
        self.size = sum(self._lengths)
        program.read_from(self._copies, self._begins)

    def read(self, inputs: Sequence[Tensor]) -> None:
        """Copy what is read of some inputs, all of it in one launch."""
        sources = []
        for tensor, begin, length in zip(inputs, self._begins, self._lengths, strict=True):
            source = torch.empty(0, dtype=torch.uint8, device=tensor.device)
            sources.append(source.set_(tensor.untyped_storage(), begin, (length,), (1,)))
        torch._foreach_copy_(self._copies, sources)


class Graph:
    """A captured program; what it reads is copied to where the kernels expect it.

    Args:
        program: The program, on a CUDA device.
        inputs: The inputs that it was recorded with.

    Attributes:
        size: The bytes of its own memory.
    """

    @torch.inference_mode()
    def __init__(self, program: Program, inputs: Sequence[Tensor]) -> None:
        self._program = program
        self._inputs = Copies(program, inputs)
        self.size = program.size + self._inputs.size
        self._inputs.read(inputs)
        device = inputs[0].device
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

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Repeat the operations.

        Args:
            inputs: A tensor in each piece of memory that is read, as recorded.

        Returns:
            The outputs.
        """
        with torch.inference_mode():
            self._inputs.read(inputs)
            self._graph.replay()
        return self._program.outputs()


def captured(program: Program, inputs: Sequence[Tensor]) -> Repetition:
    """A program as a graph where there are graphs, and else as it is.

    Args:
        program: The program.
        inputs: The inputs that it was recorded with.

    Returns:
        What to run.
    """
    if inputs[0].device.type != "cuda":
        return program
    try:
        return Graph(program, inputs)
    except RuntimeError as error:  # an operation that cannot be captured, or no memory
        _log.debug("not captured: %s", error)
        return program
