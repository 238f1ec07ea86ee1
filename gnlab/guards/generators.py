"""Python's and NumPy's global random generators, from which a model or a data set may draw too.

Layers are dropped by ``random.random()`` and images flipped by ``numpy.random``. What leaves
torch's random state as it was, or draws the same numbers again, does so with theirs.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_numpy: Any = np.random  # not all of it has types

State = tuple[tuple[Any, ...], dict[str, Any]]
"""Python's state and NumPy's."""


def state() -> State:
    """The state of both.

    Returns:
        The states, for ``set_state``.
    """
    return random.getstate(), _numpys()


def set_state(states: State) -> None:
    """Set what ``state`` returned.

    Args:
        states: The states.
    """
    random.setstate(states[0])
    np.random.set_state(states[1])


def is_state(states: State) -> bool:
    """Whether nothing has been drawn from either since a state was taken.

    Args:
        states: What ``state`` returned.

    Returns:
        Whether both are in these states.
    """
    return random.getstate() == states[0] and _same(_numpys(), states[1])


def seed(number: int) -> None:
    """Let both follow from a number.

    Args:
        number: The number, ≥ 0.
    """
    random.seed(number)
    kind: Any = type(_numpy.get_bit_generator())
    if kind is np.random.MT19937:  # every step does this: the usual kind has a way of its own
        _numpy.seed([number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF])
        return
    # What it keeps of a pair of normal numbers is let go, as above.
    np.random.set_state(kind(number).state)


@contextmanager
def kept() -> Iterator[None]:
    """A context after which both are as before."""
    before = state()
    try:
        yield
    finally:
        set_state(before)


def _numpys() -> dict[str, Any]:
    """The state of NumPy's, of whichever kind it is."""
    found: dict[str, Any] = np.random.get_state(legacy=False)
    return found


def _same(one: Any, two: Any) -> bool:
    """Whether two states of NumPy's are equal."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    return np.array_equal(one, two)
