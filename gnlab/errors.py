"""What a person did wrong, said in one line: what was given, what is valid, what to do.

Misuse is an exception of this module; a numerical failure is data (a ``Status``), never an
exception. The command line and the lab show an ``InputError``'s text as it stands, so each
message is complete without its traceback.
"""

import difflib
import math
import numbers
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

_ALSO_CALLED = {
    "learning_rate": "lr", "step_size": "lr", "lambda_1": "lr",
    "lambda_int": "damping", "regularisation": "damping", "regularization": "damping",
    "tau": "period", "interval": "period", "level": "partition", "groups": "partition",
    "cuda": "device", "gpu": "device",
}  # fmt: skip
"""Other common names of what a person may choose, far from ours in their letters."""


class InputError(ValueError):
    """Something given by a person is not usable; the message says what, and what would be."""


def unknown_choice(kind: str, given: object, valid: Iterable[str]) -> InputError:
    """The error for a name that is not among the valid ones.

    Args:
        kind: What is being chosen, as it stands in the message ("preset", "level").
        given: The name that was given.
        valid: The names that would have been valid, in the order to list them.

    Returns:
        The error to raise; its message names the nearest valid choice and lists all.
    """
    names = list(valid)
    hint = nearest(given, names)
    shown = repr(given) if isinstance(given, str) else " ".join(repr(given).split())
    return InputError(f"unknown {kind} {shown}.{hint} Valid: {', '.join(names)}.")


def check_choice(kind: str, given: object, valid: Collection[str]) -> None:
    """Raise unless something is one of the valid names.

    Args:
        kind: What is being chosen, as it stands in the message.
        given: What was given, of any kind.
        valid: The valid names, in the order to list them.

    Raises:
        InputError: If it is not; the message names the nearest valid choice and lists all.
    """
    # What is no name may not be comparable with one, or have no hash.
    if not isinstance(given, str) or given not in valid:
        raise unknown_choice(kind, given, valid)


def nearest(given: object, valid: Iterable[str]) -> str:
    """Ask whether the valid name nearest to a given one, or of the same meaning, was meant.

    Args:
        given: The name that was given.
        valid: The names that would have been valid.

    Returns:
        A question with a space before it; "" if there is none.
    """
    names = list(valid)
    meant = _ALSO_CALLED.get(str(given))
    if meant in names:
        return f" Did you mean {meant!r}?"
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.4)
    return f" Did you mean {near[0]!r}?" if near else ""


def check_number(
    name: str,
    value: float,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
    integer: bool = False,
) -> float:
    """Return ``value`` if it is a finite number within the bounds, else raise.

    Args:
        name: The name of the quantity, as it stands in the message.
        value: The number to check, Python's or NumPy's.
        low: The smallest valid value.
        high: The largest valid value.
        open_low: Whether ``low`` itself is invalid.
        open_high: Whether ``high`` itself is invalid.
        integer: Whether only whole numbers are valid.

    Returns:
        The same value.

    Raises:
        InputError: If it is not a number, not finite, not whole, or out of bounds.
    """
    left = "(" if open_low or low == -math.inf else "["
    right = ")" if open_high or high == math.inf else "]"
    ends = ", ".join(
        f"{int(end)}" if integer and math.isfinite(end) else f"{end:g}" for end in (low, high)
    )
    wanted = f"a {'whole' if integer else 'finite'} number in {left}{ends}{right}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InputError(f"{name} must be {wanted}; got {value!r}.")
    # NumPy would compare in the number's own precision.
    plain = int(value) if isinstance(value, numbers.Integral) else float(value)
    inside = abs(plain) <= sys.float_info.max and low <= plain <= high
    at_open_end = (open_low and plain == low) or (open_high and plain == high)
    if not inside or at_open_end or (integer and plain != int(plain)):
        raise InputError(f"{name} must be {wanted}; got {value!r}.")
    return value


def check_switch(name: str, value: object) -> None:
    """Raise unless a value is True or False.

    Args:
        name: What it is the value of.
        value: The value.

    Raises:
        InputError: If it is neither.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} must be True or False; got {value!r}.")


def check_function(name: str, value: object, use: str) -> None:
    """Raise unless something can be called.

    Args:
        name: What it is, as it stands in the message.
        value: What was given.
        use: How it is called, or what to do.

    Raises:
        InputError: If it cannot be.
    """
    if not callable(value):
        raise InputError(f"{name} must be a function, {use}; got {shown(value)}.")


def shown(value: object, most: int = 80) -> str:
    """What was given, for a message of one line.

    Args:
        value: Anything.
        most: The longest text that is shown.

    Returns:
        Its text in one line, or its kind if that is long.
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= most else f"a {type(value).__name__}"


def as_path(name: str, value: object) -> Path:
    """A file or folder as a person gave it.

    Args:
        name: What it is, as it stands in the message.
        value: What was given.

    Returns:
        The path.

    Raises:
        InputError: If it is no text and no path, or has a character that no path can have.
    """
    if not isinstance(value, (str, Path)) or "\0" in str(value):
        raise InputError(f"{name} must be a path, such as 'runs/first'; got {value!r}.")
    return Path(value)
