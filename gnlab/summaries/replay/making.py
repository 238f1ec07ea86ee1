"""A program in the making: recorded, built and tried, a piece at one sight of its computation each.

All at once takes as long as three more computations, and a run whose slider was moved would stand
still for so many steps. So each piece is done beside a computation of its own, and of a small
computation none takes longer than it takes itself.
"""

from collections.abc import Iterator, Sequence

from torch import Tensor

from gnlab.summaries.replay.graph import Repetition, captured
from gnlab.summaries.replay.program import Program
from gnlab.summaries.replay.recorder import Recorder

PIECES = 4
"""In how many pieces what was recorded becomes a program that can be tried."""


class Making:
    """What becomes a program.

    Args:
        recorder: What was recorded.
        outputs: The tensors that are wanted, as they were made then.

    Raises:
        NotRepeatableError: If something cannot be repeated, as far as that is known by now.
    """

    def __init__(self, recorder: Recorder, outputs: Sequence[Tensor]) -> None:
        if recorder.is_large:
            recorder.settle()
        self._program: Program | None = None
        # Without the graph behind them, which has all that they were computed from.
        self._outputs = [output.detach() for output in outputs]
        self._pieces = self._in_pieces(recorder)

    def further(self) -> None:
        """Do the next piece, if there is one.

        Raises:
            NotRepeatableError: If something cannot be repeated.
        """
        next(self._pieces, None)

    def _in_pieces(self, recorder: Recorder) -> Iterator[None]:
        """Take up the operations and build the program, each in two halves."""
        recorder.settle(-(-recorder.waiting // 2))
        yield
        recorder.settle()
        wanted = [recorder.record.place(output) for output in self._outputs]
        self._outputs.clear()
        yield
        program = Program(recorder.record, wanted)
        program.build(len(recorder.record.steps) // 2)
        yield
        program.build()
        self._program = program

    def tried(self, inputs: Sequence[Tensor], known: Sequence[Tensor]) -> Repetition:
        """Do all that is left, and hold the program against the computation anew.

        Args:
            inputs: What the computation reads now.
            known: What it gives.

        Returns:
            What repeats it from now on.

        Raises:
            NotRepeatableError: If something cannot be repeated, or the program gives something
                else.
        """
        for _ in self._pieces:
            pass
        assert self._program is not None
        self._program.prove(inputs, known)
        return captured(self._program, inputs)
