"""Operators' arguments and results: values in lists, tuples and dictionaries.

Torch's own functions for this know many more containers, and took half of a recording's time.
"""

from collections.abc import Callable, Iterator
from typing import Any

_ALONE = frozenset({int, float, bool, str, type(None)})


def leaves(nested: Any) -> Iterator[Any]:
    """The values, in order.

    Args:
        nested: Values in lists, tuples and dictionaries.

    Yields:
        Any: One value after the other.
    """
    if isinstance(nested, dict):
        nested = nested.values()
    elif not isinstance(nested, (list, tuple)):
        yield nested
        return
    for part in nested:
        yield from leaves(part)


def replaced(kind: type, make: Callable[[Any], Any], nested: Any) -> Any:
    """The same with other values of one kind.

    Args:
        kind: What to replace.
        make: What to put in its place.
        nested: Values in lists, tuples and dictionaries.

    Returns:
        The values, in lists, tuples and dictionaries like those before.
    """
    own = type(nested)
    if own is tuple or own is list:
        # What most parts are is asked here: to ask each of them anew took a tenth of a recording.
        parts = [
            part
            if (its := type(part)) in _ALONE
            else make(part)
            if its is kind
            else replaced(kind, make, part)
            for part in nested
        ]
        return tuple(parts) if own is tuple else parts
    if isinstance(nested, kind):
        return make(nested)
    if isinstance(nested, dict):
        return {key: replaced(kind, make, value) for key, value in nested.items()}
    if isinstance(nested, (list, tuple)):  # of a kind of its own
        parts = [replaced(kind, make, part) for part in nested]
        return parts if isinstance(nested, list) else tuple(parts)
    return nested
