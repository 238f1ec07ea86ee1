"""Thinning: which matrices of a long record are written, so that a disk is not filled by one run.

The matrices of a chunk are in one file, so they are written or left out together.
"""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thinning:
    """All chunks are written at first, later every second, then every fourth, and so on.

    Attributes:
        rows: Rows per chunk.
        most: How many chunks that hold a matrix are written before one is left out; of the next
            half as many are written before more are, and so on.
        chunk: The chunk of the last matrix.
        written: Whether that chunk is written.
        seen: How many chunks hold a matrix.
        stride: Of how many of them one is written.
    """

    rows: int
    most: int
    chunk: int = -1
    written: bool = False
    seen: int = 0
    stride: int = 1

    def after(self, row: int) -> "Thinning":
        """What there is to know once a row has a matrix.

        Args:
            row: The row's number, not below the last.

        Returns:
            The state; ``written`` is the new row's.
        """
        chunk = row // self.rows
        if chunk == self.chunk:
            return self
        seen, written = self.seen + 1, self.seen % self.stride == 0
        stride = 2 * self.stride if seen >= self.most * self.stride else self.stride
        return dataclasses.replace(self, chunk=chunk, written=written, seen=seen, stride=stride)
