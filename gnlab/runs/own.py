"""Settings for a person's own problem.

They are the problem's own recommendation; its dtype and device are its model's.
"""

import dataclasses
from typing import Any

import torch

from gnlab.errors import InputError
from gnlab.problems import Problem
from gnlab.runs.settings import OPTIMIZERS, OWN, RATES, Settings, check_names, check_optimizer


def for_problem(problem: Problem, **choices: Any) -> Settings:
    """Settings for a person's own problem, from its recommended hyperparameters.

    Args:
        problem: The problem.
        **choices: Values that replace the recommended ones.

    Returns:
        The settings; their preset's name begins with ``OWN``.

    Raises:
        InputError: If a name or value is not valid, the model has no parameters, or it is of
            another dtype or on another device than the problem or a choice says.
    """
    check_names(choices)
    check_optimizer(choices.get("optimizer", OPTIMIZERS[0]))
    first = next(problem.model.parameters(), None)
    if first is None:
        raise InputError(f"the model of {problem.name!r} has no parameters to train.")
    values = dataclasses.asdict(problem.hyperparameters)
    values["lr"] = RATES.get(choices.get("optimizer", ""), values["lr"])
    values |= {"dtype": _name(first.dtype), "device": first.device.type}
    if first.dtype != problem.dtype:
        raise InputError(
            f"problem.dtype is {_name(problem.dtype)}, but its model's parameters are "
            f"{_name(first.dtype)}; give both the same."
        )
    for key in ("dtype", "device"):
        if choices.get(key, values[key]) not in (values[key], "auto"):
            raise InputError(
                f"{key} is the model's own where the problem is: {values[key]}; got "
                f"{choices[key]!r}. Move the model, and say so in the problem."
            )
    choices = {k: v for k, v in choices.items() if k not in ("dtype", "device")}
    name = OWN + problem.name.removeprefix(OWN)
    return Settings(**{**values, **choices, "preset": name})


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
