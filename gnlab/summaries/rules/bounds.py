"""Calls that a rule for one variable does not know: bounds that vary, numbers' powers."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.rules.calls import NoRuleError
from gnlab.summaries.rules.elementwise import AT_TENSORS


def clamp(x: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """X within bounds; with the slopes that torch has at a bound, and where both are the same."""
    if AT_TENSORS != (0.5, 1.0):  # of an older torch, which has others
        raise NoRuleError("clamp within bounds that vary or are larger")
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
    """baseˣ for a number."""
    return torch.exp(exponent * math.log(base))


def float_power(x: Tensor, exponent: Any) -> Tensor:
    """Xⁿ in double precision."""
    whole = exponent if isinstance(exponent, Tensor) else float(exponent)
    return torch.pow(x.to(torch.float64), whole)


def is_beyond_its_rule(name: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Whether a call is one that the operation's rule does not know.

    Args:
        name: The operation's plain name.
        args: The call's arguments.
        options: Its keyword arguments.

    Returns:
        Whether a formula is to be taken.
    """
    if name == "pow":
        return bool(args) and not isinstance(args[0], Tensor)
    if name not in FORMULAS or not args:
        return False
    bounds = [b for b in (*args[1:], *options.values()) if isinstance(b, Tensor)]
    return any(b.requires_grad or _widens(b, args[0]) for b in bounds)


def _widens(b: Tensor, x: Tensor) -> bool:
    """Whether what comes of x and b has another shape than x."""
    sizes = zip(reversed(b.shape), reversed(x.shape), strict=False)
    return b.dim() > x.dim() or any(m not in (1, n) for m, n in sizes)


FORMULAS: Mapping[str, Callable[..., Tensor]] = {
    "clamp": clamp, "clamp_min": clamp, "clamp_max": clamp_max, "pow": power,
    "float_power": float_power,
}  # fmt: skip
"""The formulas by the operation's plain name."""
