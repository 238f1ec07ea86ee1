"""Packing: a snapshot as bytes, its arrays beside the rest so that they are copied only once."""

import pickle
from typing import cast

import numpy as np

from gnlab.runs.engine.snapshot import Snapshot

_ALIGN = 8


def pack(snapshot: Snapshot) -> list[bytes | memoryview]:
    """A snapshot as pieces of bytes, to be written one after the other.

    Args:
        snapshot: The snapshot.

    Returns:
        The pieces: a table of lengths, the arrays each filled up to 8 bytes, the rest.
    """
    buffers: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(snapshot, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    table = np.array([len(views), *(len(view) for view in views)], dtype=np.int64)
    parts: list[bytes | memoryview] = [table.tobytes()]
    for view in views:
        parts += [view, bytes(-len(view) % _ALIGN)]
    return [*parts, rest]


def unpack(content: memoryview) -> Snapshot:
    """The snapshot of the bytes; its arrays look into them and cannot be written to.

    Args:
        content: What ``pack`` gave, in one piece.

    Returns:
        The snapshot.
    """
    count = content[:_ALIGN].cast("q")[0]
    at = _ALIGN * (1 + count)
    lengths = content[_ALIGN:at].cast("q")
    views = []
    for length in lengths:
        views.append(content[at : at + length])
        at += length + (-length % _ALIGN)
    return cast(Snapshot, pickle.loads(content[at:], buffers=views))
