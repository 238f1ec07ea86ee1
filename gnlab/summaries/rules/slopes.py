"""Derivatives of elementwise functions, written in operations that have a rule.

The derivatives beside the functions themselves (``elementwise.py``) are numbers; these are what a
gradient is made of that goes on into the loss, to be differentiated again.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.rules.calls import CaseError


def _silu(x: Tensor, y: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s + y * (1 - s)


def _gelu(x: Tensor, y: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "none":
        density: Tensor = torch.exp(-0.5 * x.square()) * (2 * math.pi) ** -0.5
        return torch.erf(x * 0.5**0.5) / 2 + x * density + 0.5
    a, b = (2 / math.pi) ** 0.5, 0.044715
    t: Tensor = torch.tanh(a * (x + b * x**3))
    within = a * (1 + 3 * b * x.square())
    slope: Tensor = (1 + t) / 2 + x * (1 - t.square()) * within / 2
    return slope


def _softplus(x: Tensor, y: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    bent = (beta * x.detach()) <= threshold
    return torch.where(bent, torch.sigmoid(beta * x), 1.0)


def _elu(x: Tensor, y: Tensor, alpha: float = 1.0, *rest: Any) -> Tensor:
    if rest:
        raise CaseError("of another scale")
    return torch.where(x.detach() > 0, 1.0, y + alpha)


def _celu(x: Tensor, y: Tensor, alpha: float = 1.0) -> Tensor:
    return torch.where(x.detach() > 0, 1.0, y / alpha + 1)


def _selu(x: Tensor, y: Tensor) -> Tensor:
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return torch.where(x.detach() > 0, scale, y + alpha * scale)


SLOPES: Mapping[str, Callable[..., Any]] = {
    "tanh": lambda x, y: 1 - y.square(),
    "sigmoid": lambda x, y: y - y.square(),
    "softplus": _softplus,
    "silu": _silu,
    "gelu": _gelu,
    "elu": _elu,
    "celu": _celu,
    "selu": _selu,
    "logsigmoid": lambda x, y: torch.sigmoid(-x),
    "exp": lambda x, y: y,
    "expm1": lambda x, y: y + 1,
    "log": lambda x, y: 1 / x,
    "log1p": lambda x, y: 1 / (1 + x),
    "sqrt": lambda x, y: 0.5 / y,
    "rsqrt": lambda x, y: -0.5 * y * y * y,
    "reciprocal": lambda x, y: -y.square(),
    "square": lambda x, y: 2 * x,
    "sin": lambda x, y: torch.cos(x),
    "cos": lambda x, y: -torch.sin(x),
    "tan": lambda x, y: 1 + y.square(),
    "atan": lambda x, y: 1 / (1 + x.square()),
    "sinh": lambda x, y: torch.cosh(x),
    "cosh": lambda x, y: torch.sinh(x),
    "erf": lambda x, y: torch.exp(-x.square()) * (2 * math.pi**-0.5),
}
"""σ′ from x, y = σ(x) and the other arguments, by the function's plain name."""
