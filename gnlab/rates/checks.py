"""What the rates are given by a person, checked once, before the first step.

Legend: P coordinates, S groups.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnlab.errors import InputError, check_number

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
_SHOWN = 80  # characters of what was given


def check_groups(owner: object, size: int, name: str = "owner") -> Groups:
    """The group of each coordinate, if that is what it is.

    Args:
        owner: What was given.
        size: P.
        name: What it is called in the message.

    Returns:
        The groups, [P].

    Raises:
        InputError: If it is not one whole number for each coordinate, or a group has none.
    """
    given = _array(owner)
    if given is None or given.dtype.kind not in "iu":
        got = _shown(owner)
    elif given.shape != (size,):
        got = f"shape {list(given.shape)}"
    elif (given < 0).any():
        got = f"{given.min()} at {given.argmin()}"
    else:
        count = min(int(given.max()), size) + 1
        unused = np.flatnonzero(np.bincount(given[given < count], minlength=count) == 0)
        if not unused.size:
            return given.astype(np.int64)
        got = f"a largest number of {given.max()}, and none in group {unused[0]}"
    raise InputError(
        f"{name} must be the group of each of the {size} coordinates: {size} whole numbers, of "
        f"which 0, 1, ... S − 1 are all used, as rates.runs({size}, S) gives them; got {got}."
    )


def check_points(name: str, points: object, shape: tuple[int | None, ...]) -> Array:
    """Points, if they are finite and of the shape that is needed.

    Args:
        name: What they are called in the message.
        points: What was given.
        shape: The shape; None for any length from 1 on.

    Returns:
        The points in float64.

    Raises:
        InputError: If they are not.
    """
    letters = ", ".join("n" if n is None else str(n) for n in shape)
    wanted = f"{name} must be finite numbers of shape [{letters}]"
    given = _array(points)
    if given is None or given.dtype.kind not in "iuf":
        raise InputError(f"{wanted}; got {_shown(points)}.")
    fits = len(given.shape) == len(shape) and all(
        n in (None, m) and m for n, m in zip(shape, given.shape, strict=True)
    )
    if not fits:
        raise InputError(f"{wanted}; got shape {list(given.shape)}.")
    values = given.astype(np.float64)
    if not np.isfinite(values).all():
        at = np.argwhere(~np.isfinite(values))[0]
        raise InputError(f"{wanted}; got {values[tuple(at)]} at {at.tolist()}.")
    return values


def check_starts(name: str, starts: object, shape: tuple[int | None, ...]) -> Array:
    """Starts, none of which is the minimum: there is no rate from there.

    Args:
        name: What they are called in the message.
        starts: What was given, points in the last axis.
        shape: The shape; None for any length from 1 on.

    Returns:
        The starts in float64.

    Raises:
        InputError: If they are no points, or one is the minimum.
    """
    points = check_points(name, starts, shape)
    if not points.any(axis=-1).all():
        raise InputError(
            f"{name} must not be the minimum, from which there is no step; got zeros, where the "
            "minimum is; rates.random_start gives a start."
        )
    return points


def check_hessian(H: object) -> Array:
    """A Hessian, if it is finite and symmetric.

    Args:
        H: What was given.

    Returns:
        The Hessian in float64, [P, P].

    Raises:
        InputError: If it is not.
    """
    given = _array(H)
    size = len(given) if given is not None and given.ndim else None
    matrix = check_points("H", H, (size, size))
    apart = np.abs(matrix - matrix.T).max()
    if apart > 1e-8 * np.abs(matrix).max():
        raise InputError(
            f"H must be symmetric; got entries that differ from their mirror images by {apart:g}; "
            "take (H + H.T) / 2."
        )
    return matrix


def check_definite(H: object) -> Array:
    """A Hessian, if it is positive definite too.

    Args:
        H: What was given.

    Returns:
        The Hessian in float64, [P, P].

    Raises:
        InputError: If it is not.
    """
    matrix = check_hessian(H)
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest <= 0:
        raise InputError(
            f"H must be positive definite, there is no rate otherwise; got {lowest:g} as its "
            "lowest eigenvalue."
        )
    return matrix


def check_seed(seed: int) -> None:
    """Raise unless it is a seed.

    Args:
        seed: What was given.

    Raises:
        InputError: If it is not a whole number from 0 on.
    """
    check_number("seed", seed, low=0, integer=True)


def _array(given: object) -> NDArray[Any] | None:
    """What NumPy makes of it, None if nothing: lists of different lengths."""
    try:
        return np.asarray(given)
    except ValueError:
        return None


def _shown(given: object) -> str:
    """What was given, in one line and not a long one."""
    text = " ".join(repr(given).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
