"""Calls that a rule for one variable does not know: bounds and exponents that vary."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.rules.calls import CaseError
from gnlab.summaries.rules.elementwise import AT_TENSORS


def clamp(x: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """X within bounds; with the slopes that torch has at a bound, and where both are the same."""
    if AT_TENSORS != (0.5, 1.0):  # of an older torch, which has others
        raise CaseError("within bounds that vary or are larger")
    lower = x if min is None else torch.maximum(x, min)
    if max is None:
        return lower
    if min is None:
        return torch.minimum(x, max)
    equal = torch.where(x < min, min, torch.where(x > max, max, x))
    return torch.where(min == max, equal, torch.minimum(lower, max))


def clamp_max(x: Tensor, max: Tensor) -> Tensor:
    """X, a bound at most."""
    return clamp(x, None, max)


def power(base: Any, exponent: Tensor) -> Tensor:
    """baseˣ for a number, or for tensors one of which is broadcast or both of which vary."""
    if not isinstance(base, Tensor):
        return torch.exp(exponent * math.log(base))
    if not exponent.requires_grad:
        # Torch declares no types for it.
        x, n = torch.broadcast_tensors(base, exponent)  # type: ignore[no-untyped-call]
        return torch.pow(x, n)
    if not bool((base > 0).all()):
        raise CaseError("with a variable for its exponent, of what is not positive")
    return torch.exp(exponent * torch.log(base))


def float_power(x: Tensor, exponent: Any) -> Tensor:
    """Xⁿ in double precision."""
    whole = exponent if isinstance(exponent, Tensor) else float(exponent)
    return torch.pow(x.to(torch.float64), whole)


FORMULAS: Mapping[str, Callable[..., Tensor]] = {
    "clamp": clamp, "clamp_min": clamp, "clamp_max": clamp_max, "pow": power,
    "float_power": float_power,
}  # fmt: skip
"""The formulas by the operation's plain name."""
