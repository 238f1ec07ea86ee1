"""A process of its own that writes a board: ``python write_board.py NAME TOTAL``."""

import sys
import zlib

import numpy as np

from gnlab.runs.engine.board import Writer


def write_many(name: str, total: int) -> None:
    """Write versions whose bytes prove that they belong together, as fast as it goes."""
    writer = Writer(name)
    generator = np.random.default_rng(0)
    for version in range(1, total + 1):
        noise = generator.bytes(int(generator.integers(10, 60_000 + 100 * version)))
        writer.write(version, [zlib.crc32(noise).to_bytes(4, "big"), noise])
    writer.close(unlink=False)


if __name__ == "__main__":
    write_many(sys.argv[1], int(sys.argv[2]))
