"""What is wrong with a state that was cut, or written by hand, before anything is taken from it.

Legend: S groups.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from gnlab.errors import InputError, shown


def check_whole(state_dict: Mapping[str, Any], key: str) -> None:
    """Raise unless a state has the form that ``state_dict`` gives it.

    Args:
        state_dict: The state.
        key: Where it has what is not torch's own.

    Raises:
        InputError: Naming the first thing that is missing or of another kind.
    """
    _check(state_dict, "state", _is_mapping)
    _check(state_dict, "param_groups", _are_groups)
    _check(state_dict, key, _is_mapping)
    own = state_dict[key]
    for name, fits in _OWN.items():
        if name not in _LATER or name in own:
            _check(own, name, fits)
    for name in ("drawn", "in_pass"):
        _check(own["batches"], name, is_count)


def check_sizes(
    state_dict: Mapping[str, Any], key: str, params: Sequence[Tensor], groups: int
) -> None:
    """Raise unless what a state keeps of parameters and groups has their sizes.

    Args:
        state_dict: The state, whole.
        key: Where it has what is not torch's own.
        params: The optimizer's parameters.
        groups: S.

    Raises:
        InputError: Naming the first thing of another size.
    """
    count = len(state_dict["param_groups"][0]["params"])
    if count != len(params):
        raise damaged(f"it has {count} parameters, the optimizer {len(params)}")
    for name in ("step_sizes", "inherited"):
        sizes = state_dict[key].get(name)
        if sizes is not None and list(sizes.shape) != [groups]:
            called = name.replace("_", " ")
            raise damaged(f"its {called} have shape {list(sizes.shape)}, for S = {groups} groups")
    for place, p in enumerate(params):
        memory = state_dict["state"].get(place, {})
        if not _is_mapping(memory):
            raise damaged(f"what it keeps of parameter {place} is {short(memory)}")
        for name, value in memory.items():
            if not isinstance(value, Tensor) or (value.dim() and value.shape != p.shape):
                raise damaged(f"{name!r} of parameter {place} is {short(value)} in it")


def damaged(what: str) -> InputError:
    """The error for a state that is not whole.

    Args:
        what: What is wrong with it.

    Returns:
        The error to raise.
    """
    return InputError(f"the state_dict is damaged: {what}; restore it from a copy.")


def _check(mapping: Mapping[str, Any], name: str, fits: Callable[[Any], bool]) -> None:
    """Raise unless a value is there and of its kind."""
    if name not in mapping:
        raise damaged(f"it has no {name!r}")
    if not fits(mapping[name]):
        raise damaged(f"its {name!r} is {short(mapping[name])}")


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _are_groups(value: Any) -> bool:
    """Whether these are torch's groups of parameters by number, of which we have one."""
    if not isinstance(value, list) or len(value) != 1 or not _is_mapping(value[0]):
        return False
    params = value[0].get("params")
    return isinstance(params, list) and all(isinstance(number, int) for number in params)


def is_count(value: Any) -> bool:
    """Whether a value is a whole number that counts something.

    Args:
        value: Anything.

    Returns:
        Whether it is.
    """
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_sizes(value: Any) -> bool:
    return value is None or (isinstance(value, Tensor) and value.is_floating_point())


def are_names(value: Any) -> bool:
    """Whether a value is a list or a tuple of texts.

    Args:
        value: Anything.

    Returns:
        Whether it is.
    """
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def short(value: Any) -> str:
    """A value for a message.

    Args:
        value: Anything.

    Returns:
        The value if its text is short, else its kind; of a tensor its shape.
    """
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    return shown(value, 40)


_OWN: dict[str, Callable[[Any], bool]] = {
    "groups": are_names,
    "shapes": _is_mapping,
    "steps": is_count,
    "step_sizes": _are_sizes,
    "inherited": _are_sizes,
    "batches": _is_mapping,
}
_LATER = ("shapes", "inherited")  # a state of an older version has none
