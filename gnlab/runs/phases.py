"""The phases of one step, made one at a time, and what was measured in them.

Legend: θ parameters.
"""

import math
import time

from gnlab.runs.compose import Outcome
from gnlab.runs.failure import Failure, out_of_memory
from gnlab.runs.flat import Flat, flatten
from gnlab.runs.trainer import Trainer
from gnlab.runs.validation import Validation


class Phases:
    """The phases of the step under way.

    Args:
        trainer: What makes them.
        flat: θ as it is.

    Attributes:
        flat: θ after the last update.
    """

    def __init__(self, trainer: Trainer, flat: Flat) -> None:
        self.flat = flat
        self._trainer = trainer
        self._begin()

    @property
    def outcome(self) -> Outcome:
        """What was measured of the step so far."""
        return Outcome(self._loss, self._validation, self._decrease, self._seconds)

    def make(self, phase: str) -> Failure | None:
        """Make a phase.

        Args:
            phase: The phase, as ``Trainer.after`` names it.

        Returns:
            What went wrong, or None; a lack of memory is no error but goes wrong.
        """
        begun = time.perf_counter()
        if phase == "gradient":
            self._begin()
        try:
            failure = self._make(phase)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            failure = Failure.memory
        self._seconds += time.perf_counter() - begun
        return failure

    def _begin(self) -> None:
        """Nothing was measured yet."""
        self._loss, self._decrease, self._seconds = math.nan, math.nan, 0.0
        self._validation = Validation()

    def _make(self, phase: str) -> Failure | None:
        """Make a phase; what went wrong, or None."""
        trainer = self._trainer
        if phase == "gradient":
            self._loss, finite_inputs = trainer.gradient()
            if math.isfinite(self._loss):
                return None
            return Failure.loss if finite_inputs else Failure.data
        if phase == "summary":
            if not trainer.summary():
                return Failure.data
        elif phase == "solve":
            trainer.solve()
        else:
            trainer.update()
            self.flat = flatten(trainer.model)
            if not self.flat.finite:
                return Failure.parameters
            validation = trainer.validate() if trainer.validation_due else Validation()
            self._decrease, self._validation = trainer.decrease(), validation
        return None
