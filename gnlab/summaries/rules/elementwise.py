"""Elementwise functions σ, each beside its first three derivatives.

A rule takes x and y = σ(x), and what else the call was given, and returns (σ′, σ″, σ‴) at x; None
stands for a derivative that is zero everywhere. Where σ has a corner, or one of its derivatives has
a jump, each derivative is that of the side which torch takes for it, and for the next one torch may
take the other.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Derivatives = tuple[Tensor, Tensor | None, Tensor | None]
Rule = Callable[..., Derivatives]


def tanh(x: Tensor, y: Tensor) -> Derivatives:
    """Y = tanh x."""
    one = torch.addcmul(y.new_ones(()), y, y, value=-1)
    two = torch.addcmul(y.new_zeros(()), y, one, value=-2)
    return one, two, torch.add(y.new_full((), 4), one, alpha=-6).mul_(one)


def sigmoid(x: Tensor, y: Tensor) -> Derivatives:
    """Y = 1 / (1 + e⁻ˣ)."""
    one = y * (1 - y)
    unit = y.new_ones(())
    two = torch.add(unit, y, alpha=-2).mul_(one)
    return one, two, torch.add(unit, one, alpha=-6).mul_(one)


def softplus(x: Tensor, y: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Derivatives:
    """Y = log(1 + e^{βx}) / β, and x itself where βx is above the threshold."""
    s = torch.sigmoid(beta * x)
    one, two, _ = _all(sigmoid(x, s))
    bent = beta * x < threshold
    slope = s.where(beta * x <= threshold, 1)
    return slope, (beta * one).where(bent, 0), (beta**2 * two).where(bent, 0)


def logsigmoid(x: Tensor, y: Tensor) -> Derivatives:
    """Y = −log(1 + e⁻ˣ)."""
    s, one = torch.sigmoid(x), torch.sigmoid(-x)
    two = -s * one
    return one, two, two * (one - s)


def exp(x: Tensor, y: Tensor) -> Derivatives:
    """Y = eˣ."""
    return y, y, y


def log(x: Tensor, y: Tensor) -> Derivatives:
    """Y = log x."""
    one = 1 / x
    return one, -one * one, 2 * one * one * one


def log1p(x: Tensor, y: Tensor) -> Derivatives:
    """Y = log(1 + x)."""
    return log(1 + x, y)


def expm1(x: Tensor, y: Tensor) -> Derivatives:
    """Y = eˣ − 1."""
    return exp(x, torch.exp(x))


def sqrt(x: Tensor, y: Tensor) -> Derivatives:
    """Y = √x."""
    one = 0.5 / y
    two = -0.5 * one / x
    return one, two, -1.5 * two / x


def rsqrt(x: Tensor, y: Tensor) -> Derivatives:
    """Y = 1 / √x."""
    one = -0.5 * y / x
    two = -1.5 * one / x
    return one, two, -2.5 * two / x


def reciprocal(x: Tensor, y: Tensor) -> Derivatives:
    """Y = 1 / x."""
    one = -y * y
    two = -2 * one * y
    return one, two, -3 * two * y


def square(x: Tensor, y: Tensor) -> Derivatives:
    """Y = x²."""
    return 2 * x, torch.full_like(x, 2), None


def power(x: Tensor, y: Tensor, exponent: float | Tensor) -> Derivatives:
    """Y = xⁿ for a number n, or one for each element."""
    n = exponent
    if isinstance(n, Tensor):
        some = ((n, n - 1), (n * (n - 1), n - 2), (n * (n - 1) * (n - 2), n - 3))
        slope, bend, third = ((c * x**m).where(c != 0, 0) for c, m in some)
        return slope, bend, third
    one = n * x ** (n - 1) if n else torch.zeros_like(x)
    two = n * (n - 1) * x ** (n - 2) if n not in (0, 1) else None
    three = n * (n - 1) * (n - 2) * x ** (n - 3) if n not in (0, 1, 2) else None
    return one, two, three


def sin(x: Tensor, y: Tensor) -> Derivatives:
    """Y = sin x."""
    one = torch.cos(x)
    return one, -y, -one


def cos(x: Tensor, y: Tensor) -> Derivatives:
    """Y = cos x."""
    s = torch.sin(x)
    return -s, -y, s


def tan(x: Tensor, y: Tensor) -> Derivatives:
    """Y = tan x."""
    one = 1 + y * y
    return one, 2 * y * one, (2 + 6 * y * y) * one


def atan(x: Tensor, y: Tensor) -> Derivatives:
    """Y = arctan x."""
    one = 1 / (1 + x * x)
    two = -2 * x * one * one
    return one, two, (6 * x * x - 2) * one * one * one


def sinh(x: Tensor, y: Tensor) -> Derivatives:
    """Y = sinh x."""
    one = torch.cosh(x)
    return one, y, one


def cosh(x: Tensor, y: Tensor) -> Derivatives:
    """Y = cosh x."""
    one = torch.sinh(x)
    return one, y, one


def erf(x: Tensor, y: Tensor) -> Derivatives:
    """Y = erf x."""
    one = 2 / math.sqrt(math.pi) * torch.exp(-x * x)
    return one, -2 * x * one, (4 * x * x - 2) * one


def absolute(x: Tensor, y: Tensor) -> Derivatives:
    """Y = |x|."""
    return torch.sign(x), None, None


def relu(x: Tensor, y: Tensor) -> Derivatives:
    """Y = max(x, 0)."""
    return (x > 0).to(x.dtype), None, None


def leaky_relu(x: Tensor, y: Tensor, negative_slope: float = 0.01) -> Derivatives:
    """Y = x above zero, a·x below."""
    return torch.full_like(x, negative_slope).masked_fill_(x > 0, 1), None, None


@torch.inference_mode(False)
def _at_bounds(kind: Callable[[Tensor], float | Tensor]) -> tuple[float, float]:
    """Torch's slope of a clamp at one bound, and where both are the same; its versions differ."""
    at = torch.ones((), device="cpu")
    bounds: tuple[Any, Any] = kind(at), kind(at)
    with torch.enable_grad():
        x = at.clone().requires_grad_()
        found = (torch.clamp(x, max=bounds[1]), torch.clamp(x, *bounds))
        one, both = (float(torch.autograd.grad(y, x)[0]) for y in found)
    return one, both


_AT_NUMBERS, AT_TENSORS = _at_bounds(float), _at_bounds(torch.Tensor.clone)


def clamp(
    x: Tensor, y: Tensor, min: float | Tensor | None = None, max: float | Tensor | None = None
) -> Derivatives:
    """Y = x within the bounds; at a bound itself the derivative is what it is in torch."""
    inside = torch.ones_like(x)
    met = torch.zeros_like(inside)
    for bound, within in ((min, torch.ge), (max, torch.le)):
        if bound is not None:
            inside = inside.where(within(x, bound), 0)
            met = met + (x == bound)
    one, both = AT_TENSORS if Tensor in (type(min), type(max)) else _AT_NUMBERS
    return inside.where(met != 1, one * inside).where(met != 2, both * inside), None, None


def hardtanh(x: Tensor, y: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Derivatives:
    """Y = x within the bounds; at a bound itself the derivative is zero, as in torch."""
    return ((x > min_val) & (x < max_val)).to(x.dtype), None, None


def threshold(x: Tensor, y: Tensor, threshold: float, value: float) -> Derivatives:
    """Y = x above the threshold, a number below."""
    return (x > threshold).to(x.dtype), None, None


def shrink(x: Tensor, y: Tensor, lambd: float = 0.5) -> Derivatives:
    """Y = 0 within −λ and λ; beyond them x, or x moved by λ towards zero."""
    return (x.abs() > lambd).to(x.dtype), None, None


def below(x: Tensor, y: Tensor, max: float) -> Derivatives:
    """Y = x, a bound at most."""
    return clamp(x, y, max=max)


def flat(x: Tensor, y: Tensor, *_: object, **__: object) -> Derivatives:
    """Y has steps only."""
    return torch.zeros_like(x), None, None


def elu(
    x: Tensor, y: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Derivatives:
    """Y = s·x above zero, s·α(e^{kx} − 1) below."""
    below = scale * alpha * torch.exp(input_scale * x.clamp(max=0))
    k, bent = input_scale, x < 0
    one = (k * below).where(x <= 0, scale)
    return one, (k**2 * below).where(bent, 0), (k**3 * below).where(bent, 0)


def selu(x: Tensor, y: Tensor) -> Derivatives:
    """Self-normalising ELU."""
    return elu(x, y, 1.6732632423543772, 1.0507009873554805)


def celu(x: Tensor, y: Tensor, alpha: float = 1.0) -> Derivatives:
    """Y = x above zero, α(e^{x/α} − 1) below."""
    return elu(x, y, alpha, 1.0, 1 / alpha)


def silu(x: Tensor, y: Tensor) -> Derivatives:
    """Y = x·sigmoid x."""
    s = torch.sigmoid(x)
    one, two, three = _all(sigmoid(x, s))
    return s + x * one, 2 * one + x * two, 3 * two + x * three


def gelu(x: Tensor, y: Tensor, approximate: str = "none") -> Derivatives:
    """Y = x·Φ(x), or with a tanh in place of the normal distribution's error function."""
    if approximate == "none":
        density = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        below = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        return below + x * density, density * (2 - x * x), density * x * (x * x - 4)
    # With t = tanh(v), v = c(x + a x³): y = x(1 + t)/2.
    c, a = math.sqrt(2 / math.pi), 0.044715
    v1, v2, v3 = c * (1 + 3 * a * x * x), 6 * c * a * x, 6 * c * a
    t = torch.tanh(c * (x + a * x * x * x))
    d1, d2, d3 = _all(tanh(x, t))
    t1 = d1 * v1
    t2 = d2 * v1 * v1 + d1 * v2
    t3 = d3 * v1 * v1 * v1 + 3 * d2 * v1 * v2 + d1 * v3
    return (1 + t + x * t1) / 2, t1 + x * t2 / 2, (3 * t2 + x * t3) / 2


def _all(found: Derivatives) -> tuple[Tensor, Tensor, Tensor]:
    """Derivatives none of which is zero."""
    one, two, three = found
    assert two is not None
    assert three is not None
    return one, two, three


STRAIGHT = frozenset(
    {"abs", "relu", "leaky_relu", "clamp", "clamp_min", "clamp_max", "hardtanh", "threshold",
     "softshrink", "hardshrink", "sign", "floor", "ceil", "round", "trunc", "fmod", "remainder",
     "frac"}
)  # fmt: skip
"""Those whose second derivative is zero."""

RULES: Mapping[str, Rule] = {
    "tanh": tanh, "sigmoid": sigmoid, "softplus": softplus, "exp": exp, "log": log, "sqrt": sqrt,
    "rsqrt": rsqrt, "reciprocal": reciprocal, "square": square, "pow": power, "sin": sin,
    "cos": cos, "tan": tan, "atan": atan, "sinh": sinh, "cosh": cosh, "erf": erf, "log1p": log1p,
    "expm1": expm1, "abs": absolute, "relu": relu, "leaky_relu": leaky_relu, "clamp": clamp,
    "clamp_min": clamp, "clamp_max": below, "hardtanh": hardtanh, "threshold": threshold,
    "softshrink": shrink, "hardshrink": shrink, "elu": elu, "selu": selu, "celu": celu,
    "silu": silu, "gelu": gelu, "logsigmoid": logsigmoid,
    **dict.fromkeys(("sign", "floor", "ceil", "round", "trunc"), flat),
}  # fmt: skip
"""The rules by the function's name in torch."""
