"""More elementwise functions: inverses of those of angles, and special functions.

Rules are those of ``elementwise.py``; what has two arguments is written out.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gnlab.summaries.rules import elementwise
from gnlab.summaries.rules.calls import CaseError
from gnlab.summaries.rules.elementwise import Derivatives, Rule


def asin(x: Tensor, y: Tensor) -> Derivatives:
    """Y = arcsin x."""
    one = torch.rsqrt(1 - x * x)
    two = x * one * one * one
    return one, two, (1 + 2 * x * x) * one**5


def acos(x: Tensor, y: Tensor) -> Derivatives:
    """Y = arccos x."""
    return _times(-1, asin(x, y))


def asinh(x: Tensor, y: Tensor) -> Derivatives:
    """Y = arsinh x."""
    one = torch.rsqrt(x * x + 1)
    return one, -x * one * one * one, (2 * x * x - 1) * one**5


def acosh(x: Tensor, y: Tensor) -> Derivatives:
    """Y = arcosh x."""
    one = torch.rsqrt(x * x - 1)
    return one, -x * one * one * one, (2 * x * x + 1) * one**5


def atanh(x: Tensor, y: Tensor) -> Derivatives:
    """Y = artanh x."""
    one = 1 / (1 - x * x)
    return one, 2 * x * one * one, (2 + 6 * x * x) * one * one * one


def erfc(x: Tensor, y: Tensor) -> Derivatives:
    """Y = 1 − erf x."""
    return _times(-1, elementwise.erf(x, y))


def lgamma(x: Tensor, y: Tensor) -> Derivatives:
    """Y = log |Γ(x)|."""
    return torch.digamma(x), torch.polygamma(1, x), torch.polygamma(2, x)


def digamma(x: Tensor, y: Tensor) -> Derivatives:
    """Y = the derivative of log Γ(x)."""
    return torch.polygamma(1, x), torch.polygamma(2, x), torch.polygamma(3, x)


def logit(x: Tensor, y: Tensor, eps: float | None = None) -> Derivatives:
    """Y = log(x / (1 − x)); of x within ε and 1 − ε if there is such a bound."""
    z = x if eps is None else x.clamp(eps, 1 - eps)
    one = 1 / (z * (1 - z))
    lean = (2 * z - 1) * one
    found = one, lean * one, 2 * one * (one + lean * lean)
    if eps is None:
        return found
    inside = (x >= eps) & (x <= 1 - eps)
    one, two, three = (each.where(inside, 0) for each in found)
    return one, two, three


def rest(x: Tensor, y: Tensor, *_: object) -> Derivatives:
    """Y = what is left of x beyond a multiple of something, with steps where the multiple has."""
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        raise CaseError("by a larger tensor")
    return torch.ones_like(x), None, None


def _times(factor: float, found: Derivatives) -> Derivatives:
    """Derivatives times a number."""
    one, two, three = (None if each is None else factor * each for each in found)
    assert one is not None
    return one, two, three


def atan2(y: Tensor, x: Tensor) -> Tensor:
    """The angle of a point; up to a constant the arctangent of the ratio that is no pole.

    At the origin, which has no angle, nothing turns it, as torch's backward pass has it.
    """
    across, along = y.detach(), x.detach()
    steep, nowhere = across.abs() > along.abs(), (across == 0) & (along == 0)
    below = torch.where(steep, y, x).masked_fill(nowhere, 1)
    arc = torch.atan(torch.where(steep, x, y) / below)
    turn = torch.where(steep, -arc, arc).masked_fill(nowhere, 0)
    angle = torch.atan2(across, along)
    return angle + (turn - turn.detach())


def xlogy(x: Tensor, y: Tensor) -> Tensor:
    """X log y, and nothing where x is zero, even where y is zero too."""
    if getattr(x, "requires_grad", False) and y.requires_grad:
        raise CaseError("of two variables")
    return x * torch.log(torch.where((x == 0) & (y <= 0), 1.0, y))


RULES: Mapping[str, Rule] = {
    "asin": asin, "acos": acos, "asinh": asinh, "acosh": acosh, "atanh": atanh, "erfc": erfc,
    "lgamma": lgamma, "digamma": digamma, "logit": logit,
    **dict.fromkeys(("fmod", "remainder", "frac"), rest),
}  # fmt: skip
"""The rules by the function's name in torch."""

FORMULAS: Mapping[str, Callable[..., Tensor]] = {
    "atan2": atan2, "xlogy": xlogy,
    "rad2deg": lambda x: x * (180 / math.pi), "deg2rad": lambda x: x * (math.pi / 180),
}  # fmt: skip
"""The formulas by the function's name."""
