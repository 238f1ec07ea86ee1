"""A program in the making: recorded, built and tried, at one sight of its computation each.

All three at once take as long as three more computations, and a run whose slider was moved would
stand still for so many steps. So each is done beside a computation of its own, and none takes
longer than about one more.
"""

from collections.abc import Sequence

from torch import Tensor

from gnlab.summaries.replay.graph import Repetition, captured
from gnlab.summaries.replay.program import Program
from gnlab.summaries.replay.recorder import Recorder


class Making:
    """What becomes a program.

    Args:
        recorder: What was recorded.
        outputs: The tensors that are wanted, as they were made then.

    Raises:
        NotRepeatableError: If one of them comes from elsewhere.
    """

    def __init__(self, recorder: Recorder, outputs: Sequence[Tensor]) -> None:
        self._wanted = [recorder.place(output) for output in outputs]
        self._recorder = recorder
        self._program: Program | None = None

    def build(self) -> None:
        """Make the program, unless that is done.

        Raises:
            NotRepeatableError: If something cannot be repeated.
        """
        if self._program is None:
            self._program = Program(self._recorder, self._wanted)

    def tried(self, inputs: Sequence[Tensor], known: Sequence[Tensor]) -> Repetition:
        """Hold the built program against the computation anew.

        Args:
            inputs: What the computation reads now.
            known: What it gives.

        Returns:
            What repeats it from now on.

        Raises:
            NotRepeatableError: If the program gives something else.
        """
        assert self._program is not None
        self._program.prove(inputs, known)
        return captured(self._program, inputs)
