"""Inverting: H̄⁻¹ between single groups, found on a thread of its own.

Of more groups than a record keeps rows of H̄, an inverse takes about as long as a step. The engine
goes on meanwhile, and shows it when it is there.

Legend: S groups.
"""

import logging
import math
import threading
from collections.abc import Callable

import numpy as np
from torch import Tensor

from gnlab.runs.course import Course
from gnlab.runs.failure import FAULTS, describe
from gnlab.runs.records.inverse import MOST, Inverse, inverse
from gnlab.runs.records.record import Array, Record

_LOOK = 0.05  # seconds between two looks at whether it is there

_log = logging.getLogger(__name__)


class Inverting:
    """Finds one inverse at a time, that of the summary it was last asked for."""

    def __init__(self) -> None:
        self._of: tuple[Record, Tensor] | None = None
        self._found: Inverse | None = None
        self._fault: str = ""
        self._thread: threading.Thread | None = None

    @property
    def wait(self) -> float:
        """How long nothing new is to be seen here, in seconds."""
        return math.inf if self._thread is None else _LOOK

    def forget(self) -> None:
        """Keep no inverse."""
        self._of = None
        self._found = None

    def arrived(self, tell: Callable[[str, str], None]) -> bool:
        """Whether an inverse has been found, or has not, since this was last asked.

        Args:
            tell: Told why it has not, and how severe that is.

        Returns:
            Whether one has ended.
        """
        if self._thread is None or self._thread.is_alive():
            return False
        self._thread = None
        if self._fault:
            tell(f"H̄ could not be inverted group by group: {self._fault}", "warning")
        return True

    def of(self, run: Course, summary: Record, *, still: bool) -> Inverse | None:
        """The inverse of a summary's H̄, between all its groups.

        Args:
            run: The run, which has the summary's numbers.
            summary: The latest record that has a summary.
            still: Whether it is to be found, if it is not there.

        Returns:
            The inverse [S, S]; None where it is not there, or will never be since S is too large.
        """
        H = None if run.measured is None else run.measured.H
        # Within a step its record is made anew for every look; after it, its numbers may be gone.
        if self._of and (self._of[0] is summary or self._of[1] is H):
            return self._found
        self.forget()
        if still and self._thread is None and H is not None and len(H) <= MOST:
            self._begin((summary, H), float(np.finfo(run.settings.dtype).eps))
        return None

    def _begin(self, of: tuple[Record, Tensor], precision: float) -> None:
        self._of, self._fault = of, ""
        H = of[1].detach().cpu().numpy().astype(np.float64)
        # No daemon: a program that ends within a decomposition is ended by a fault of memory.
        self._thread = threading.Thread(
            target=self._find, args=(of, H, precision), name="gnlab-invert", daemon=False
        )
        self._thread.start()

    def _find(self, of: tuple[Record, Tensor], H: Array, precision: float) -> None:
        try:
            found = inverse(H, precision)
        except FAULTS as error:
            _log.exception("an inverse could not be found")
            self._fault = describe(error)
        else:
            if self._of is of:
                self._found = found
