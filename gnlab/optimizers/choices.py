"""GroupedNewton's hyperparameters: which there are, and which values they take.

Legend: λ₁ = lr, λ_int = damping, τ = period.
"""

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from gnlab.directions import direction as choose_direction
from gnlab.errors import InputError, check_choice, check_number, check_switch, unknown_choice
from gnlab.partitions import Partition
from gnlab.summaries import summarisable

Level = str | Mapping[str, Sequence[str]] | Partition
"""A level's name, own groups, or a partition."""

_BOUNDS: dict[str, dict[str, Any]] = {
    "lr": {"low": 0.0},
    "damping": {"low": 0.0},
    "period": {"low": 1, "integer": True},
    "momentum": {"low": 0.0, "high": 1.0, "open_high": True},
    "step_momentum": {"low": 0.0, "high": 1.0, "open_high": True},
}


_PLAIN: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (bool, bool), (str, str), (numbers.Integral, int), (numbers.Real, float),
)  # fmt: skip
_NAMES = (*_BOUNDS, "direction", "safeguard", "curvature")
CURVATURES = ("hessian", "gauss-newton")
"""What a step is solved with: H̄, or the Gauss–Newton summary in its place."""


def as_partition(model: nn.Module, given: Level) -> Partition:
    """The partition itself, or the one built from a level or own groups.

    Args:
        model: The model.
        given: What was asked for.

    Returns:
        The partition.

    Raises:
        InputError: If the level is unknown or the groups do not fit the model.
    """
    return given if isinstance(given, Partition) else summarisable(model, given)


def checked(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters given, or an error unless every one is known and in bounds.

    Args:
        choices: Values by name; numbers may be tensors, as torch's schedulers know them.

    Returns:
        The same, NumPy's numbers and tensors as Python's, which a state can be saved and read with.

    Raises:
        InputError: Naming the first that is not.
    """
    found = {name: plain(value) for name, value in choices.items()}
    for name, value in found.items():
        if name == "direction":
            choose_direction(value)
        elif name == "safeguard":
            check_switch(name, value)
        elif name == "curvature":
            check_choice(name, value, CURVATURES)
        elif name in _BOUNDS:
            check_number(name, value, **_BOUNDS[name])
        else:
            raise unknown_choice("hyperparameter", name, _NAMES)
    return found


def plain(value: Any) -> Any:
    """A number or a text as Python's own, which a state can be saved and read with.

    Args:
        value: Python's, NumPy's or torch's.

    Returns:
        The same as Python's; what is neither, as it is.
    """
    if isinstance(value, Tensor) and not value.dim():
        return value.item()
    for kind, own in _PLAIN:
        if isinstance(value, kind):
            return own(value)
    return value


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters among an optimizer's settings, if they are in bounds.

    Args:
        settings: A group of torch's ``param_groups``, which anybody may write into.

    Returns:
        The hyperparameters, NumPy's numbers and tensors as Python's.

    Raises:
        InputError: Naming the first that is not, or is not there.
    """
    missing = next((name for name in _NAMES if name not in settings), None)
    if missing is not None:
        raise InputError(f"param_groups has no {missing!r} any more; give it a value again.")
    return checked({name: settings[name] for name in _NAMES})
