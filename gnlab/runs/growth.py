"""Growth: notices that a run comes apart while its loss is still finite."""

import math

from gnlab.runs.failure import shorter

_MANY = 1000.0


class Growth:
    """Compares each step's loss with the first; tells once, until the loss has come back."""

    def __init__(self) -> None:
        self._first = math.nan
        self._told = False

    def told(self, step: int, loss: float, optimizer: str) -> str:
        """Look at a step's loss.

        Args:
            step: The step.
            loss: Its loss.
            optimizer: What made it.

        Returns:
            What to tell, "" for nothing.
        """
        if math.isnan(self._first):
            self._first = abs(loss)
        limit = _MANY * self._first
        if loss <= limit / 10:
            self._told = False
        if self._told or not loss > limit > 0:
            return ""
        self._told = True
        return (
            f"At step {step} the loss is more than {_MANY:.0f} times that of the first: the run "
            f"comes apart. Rewind and take {shorter(optimizer)}, or play on."
        )
