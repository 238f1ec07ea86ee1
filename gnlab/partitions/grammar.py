"""The names of levels: a word, or a word and a number from 1, as "unit" and "block:4".

Whoever takes a level's name from a person, a link or a file reads it here.
"""

import re
from collections.abc import Mapping
from typing import Any

from gnlab.errors import InputError, unknown_choice

COARSE = ("all", "role", "chunk:k", "layer", "part:k", "tensor")
FINER = ("block:k", "neuron", "unit", "row:k", "element")
"""The levels below the tensor, coarse to fine; what "block:k" and "row:k" are depends on k."""
LEVELS = (*COARSE, *FINER)
"""All levels, coarse to fine."""
FORM = r"[a-z]{1,16}(:(0|[1-9][0-9]{0,9}))?"
"""What a level's name looks like, as a regular expression, whether or not there is such a level."""

_NUMBERED = {name.removesuffix(":k") for name in LEVELS if name.endswith(":k")}


def read(level: object) -> tuple[str, int]:
    """A level's kind, and its k.

    Args:
        level: What was given as a level's name.

    Returns:
        The name without its number, and the number, 0 where the kind has none.

    Raises:
        InputError: If there is no such level; what is to be done if its number is missing or 0.
    """
    if not isinstance(level, str):
        raise unknown_choice("level", level, LEVELS)
    kind, colon, k = level.partition(":")
    if kind not in _NUMBERED:
        if level not in LEVELS:
            raise unknown_choice("level", level, LEVELS)
        return level, 0
    if not colon or k == "k":
        raise InputError(f"level {level!r} needs a number in the place of k, as in '{kind}:2'.")
    if not re.fullmatch(FORM, level):
        raise unknown_choice("level", level, LEVELS)
    if k == "0":
        raise InputError(f"level {level!r} needs k from 1 on.")
    return kind, int(k)


def is_finer(level: object) -> bool:
    """Whether a name is one of a level below the tensor.

    Args:
        level: What was given as a level's name.

    Returns:
        Whether it is.
    """
    return isinstance(level, str) and level.partition(":")[0] in {
        name.removesuffix(":k") for name in FINER
    }


def check_form(level: Any) -> None:
    """Raise unless a level is own groups or there is one of its name; the model decides the rest.

    Args:
        level: A level's name, or lists of parameters' names by group.

    Raises:
        InputError: If it is neither.
    """
    if not isinstance(level, Mapping):
        read(level)
        return
    for group, names in level.items():
        listed = isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names)
        if not (isinstance(group, str) and listed):
            raise InputError(
                f"group {group!r} of the partition needs a list of parameter names; got {names!r}."
            )
