"""Whether what a file holds of a run is whole: bits flip, and people edit what they can open.

What is missing is another version's and not looked at here; the numbers themselves are believed.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from gnlab.optimizers.damage import are_names, is_count, short
from gnlab.runs.records.history import COLUMNS
from gnlab.runs.records.record import Record


def fault(content: Mapping[str, Any]) -> str:
    """What in a file's content is not of its kind.

    Args:
        content: The content.

    Returns:
        A few words; "" for nothing.
    """
    found = _first(content, _FIELDS, "")
    for name in ("model", "start"):
        if not found and name in content:
            found = _first(content[name], dict.fromkeys(content[name], _is_tensor), f"{name}: ")
    for name in ("state", "param_groups"):
        if not found and "optimizer" in content and name not in content["optimizer"]:
            found = f"optimizer: no {name}"
    for name in ("record", "summary"):
        if not found and content.get(name) is not None:
            found = _first(content[name], _RECORD, f"{name}: ")
    return found or _fault_of_log(content.get("log"))


def fault_of(optimizer: torch.optim.Optimizer) -> str:
    """What in an optimizer that has taken a file's state would end its next step.

    Args:
        optimizer: The optimizer, one of torch's own.

    Returns:
        A few words; "" for nothing.
    """
    if not all(isinstance(memory, Mapping) for memory in optimizer.state.values()):
        return "optimizer: state of another kind"
    for group in optimizer.param_groups:
        for name, usual in optimizer.defaults.items():
            if name not in group or (_is_number(usual) and not _is_number(group[name])):
                return f"optimizer: {name} is {short(group.get(name))}"
        needed = _ADAM if isinstance(optimizer, torch.optim.Adam) else ()
        for p in group["params"]:
            memory = optimizer.state.get(p, {})
            missing = next((name for name in needed if memory and name not in memory), None)
            if missing is not None:
                return f"optimizer: no {missing}"
            for name, value in memory.items():
                fits = isinstance(value, Tensor) and (not value.dim() or value.shape == p.shape)
                if value is not None and not fits:
                    return f"optimizer: {name} is {short(value)}"
    return ""


def _fault_of_log(log: Any) -> str:
    """What in a history's log is not of its kind; what is no log is told where it is taken."""
    if not isinstance(log, Mapping):
        return ""
    found = _first(log, _LOG, "log: ") or _fault_of_tables(log)
    for stay in () if found else log.get("earlier", ()):
        found = found or _first(stay, _LOG, "log: ") or _fault_of_tables(stay)
    return found


def _fault_of_tables(log: Mapping[str, Any]) -> str:
    """What in the tables of a log is not of its kind."""
    for name in ("scalars", "sizes", "shares"):
        part = log.get(name)
        if not isinstance(part, Mapping):
            continue
        if found := _first(part, _PART, f"log: {name}: "):
            return found
        if "table" in part:
            table, width = part["table"], len(COLUMNS) if name == "scalars" else None
            if len(table) > part.get("rows", 0) or width not in (None, table.shape[1]):
                return f"log: {name}: table is {short(table)}"
    return ""


def _first(values: Any, kinds: Mapping[str, Callable[[Any], bool]], where: str) -> str:
    """The first of some values that is there and not of its kind."""
    if not isinstance(values, Mapping):
        return f"{where}{short(values)}"
    wrong = (name for name, fits in kinds.items() if name in values and not fits(values[name]))
    name = next(wrong, None)
    return "" if name is None else f"{where}{name} is {short(values[name])}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_array(value: Any) -> bool:
    return value is None or (isinstance(value, Tensor) and value.dtype == torch.float64)


def _are_places(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_count, value))


def _is_table(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float64 and value.dim() == 2


def _are_choices(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _are_stays(value: Any) -> bool:
    return isinstance(value, list) and all(map(_are_choices, value))


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


_ADAM = ("step", "exp_avg", "exp_avg_sq")  # which it looks up once it has any
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "settings": _are_choices,
    "trained": are_names,
    "frozen": _are_places,
    "begun": _are_choices,
    "step": is_count,
    "drawn": is_count,
    "model": _are_choices,
    "start": _are_choices,
    "optimizer": _are_choices,
}
_KINDS: dict[Any, Callable[[Any], bool]] = {
    int: is_count,
    float: _is_number,
    str: _is_text,
    tuple[str, ...]: are_names,
}
_RECORD = {field.name: _KINDS.get(field.type, _is_array) for field in dataclasses.fields(Record)}
_LOG: dict[str, Callable[[Any], bool]] = {
    "scalars": _are_choices,
    "sizes": lambda value: value is None or _are_choices(value),
    "shares": _are_choices,
    "partition": _is_text,
    "groups": are_names,
    "since": is_count,
    "earlier": _are_stays,
}
_PART: dict[str, Callable[[Any], bool]] = {
    "table": _is_table,
    "rows": is_count,
    "in_last": is_count,
    "stride": is_count,
}
