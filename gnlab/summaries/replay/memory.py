"""Memory for a program: one block, in which pieces that are not needed at the same time overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A piece of memory that a program needs for a while.

    Attributes:
        piece: Its number.
        size: Its bytes.
        first: The step that makes it.
        last: The last step that needs it.
    """

    piece: int
    size: int
    first: int
    last: int


def layout(lifetimes: Sequence[Lifetime]) -> tuple[dict[int, int], int]:
    """Give every piece a place such that no two share a byte while both are needed.

    The lowest gap that is large enough is taken, so what was just let go, and is still in a core's
    cache, is used again first.

    Args:
        lifetimes: The pieces.

    Returns:
        Where each begins, by its number, and the bytes of the whole.
    """
    places: dict[int, int] = {}
    held: list[tuple[int, int, int]] = []  # begin, end, last
    whole = 0
    for life in sorted(lifetimes, key=lambda life: life.first):
        held = sorted(entry for entry in held if entry[2] >= life.first)
        size = -(-max(life.size, 1) // _ALIGNMENT) * _ALIGNMENT
        begin = 0
        for start, end, _ in held:
            if start - begin >= size:
                break
            begin = max(begin, end)
        places[life.piece] = begin
        held.append((begin, begin + size, life.last))
        whole = max(whole, begin + size)
    return places, whole
