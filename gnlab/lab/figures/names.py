"""The groups' names as tick labels."""

import re
from collections.abc import Sequence

_MOST = 11  # letters that there is room for


def short_names(names: Sequence[str], most: int = _MOST) -> list[str]:
    """The names along an axis as tick labels, all told in the same way if one fits all.

    Args:
        names: The names.
        most: The letters there is room for.

    Returns:
        The labels.
    """
    told = [_ways(name) for name in names]
    for way in range(max(map(len, told), default=0)):
        if all(len(ways[way]) <= most for ways in told if len(ways) > 1):
            return [_cut(ways[min(way, len(ways) - 1)], most) for ways in told]
    return [short_name(name, most) for name in names]


def short_name(name: str, most: int = _MOST) -> str:
    """A group's name as a tick label: "layer3.weight" becomes "layer3 W".

    Args:
        name: The name; of a group of units it goes on with the units, as in "layer3.weight[0:4]".
        most: The letters there is room for; of a longer one the words are told by their initials,
            and if that is not enough, its end, which tells more.

    Returns:
        The label.
    """
    ways = _ways(name)
    fitting = (way for way in ways if len(way) <= most)
    return _cut(next(fitting, ways[min(1, len(ways) - 1)]), most)


def _ways(name: str) -> tuple[str, ...]:
    """The ways to tell a name, from the longest to the shortest; one of what is no layer's."""
    for kind, letter in ((".weight", " W"), (".bias", " b")):
        layer, found, units = name.rpartition(kind)
        if found and (not units or units.startswith("[")):
            short = re.sub(r"([^\W\d])[^\W\d]+", r"\1", layer) + letter + units
            close = short.replace(" ", "", 1)
            return layer + letter + units, short, close, close.replace(" ", "")
    return (name,)


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else "…" + name[1 - most :]
