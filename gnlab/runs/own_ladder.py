"""A run's own ladder: made when it is asked for, and again when what it depends on has changed."""

from gnlab.optimizers.motion import trainable
from gnlab.runs.failure import FAULTS
from gnlab.runs.ladder import Ladder, ladder
from gnlab.runs.trainer import Trainer


class OwnLadder:
    """The ladder of what a trainer trains.

    Args:
        trainer: The trainer.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._made: Ladder | None = None
        self._made_of: tuple[int, tuple[str, ...]] | None = None

    def now(self) -> Ladder:
        """The ladder of the parameters that are trained now; told for the present summaries."""
        trainer = self._trainer
        samples = trainer.settings.summary_batch_size
        asked = samples, tuple(trainable(trainer.model))
        if self._made is None or self._made_of != asked:
            try:
                trainer.taken.check_places()
                self._made = ladder(trainer.model, trainer.few(), samples)
            except FAULTS:  # of a model that cannot be called any more its next step says why
                if self._made is None:
                    raise
            self._made_of = asked
        return self._made

    def of(self, trainer: Trainer) -> "OwnLadder":
        """The ladder of another trainer of the same model, or of a copy.

        Args:
            trainer: The trainer.

        Returns:
            Its ladder, which is not made again if nothing it depends on is different.
        """
        other = OwnLadder(trainer)
        other._made, other._made_of = self._made, self._made_of
        return other
