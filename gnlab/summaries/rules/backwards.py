"""The way back through an operation, written in operations that have a rule.

    y = σ(x): g_x = g σ′(x)      y = B(a, b): g_a = B(·, b)ᵀg, g_b = B(a, ·)ᵀg

Legend: g the gradient by the result.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.jets.jet import Operand
from gnlab.summaries.rules import elementwise
from gnlab.summaries.rules.calls import Call, CaseError
from gnlab.summaries.rules.losses import axis_of, weights_of_targets
from gnlab.summaries.rules.products import padded
from gnlab.summaries.rules.slopes import SLOPES

Back = Iterator[tuple[Operand, Tensor]]
"""Arguments, and what comes back to each."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One call on the way back.

    Attributes:
        call: The call.
        g: The gradient by its only result.
        alive: The tensor that a model holds of a value, with its graph.
        leading: The arguments whose gradient is wanted, by id.
    """

    call: Call
    g: Tensor
    alive: Callable[[Operand], Tensor]
    leading: frozenset[int]

    @property
    def out(self) -> Tensor:
        """The result."""
        return self.alive(self.call.results[0])

    def tensor(self, argument: Any) -> Any:
        """An argument as the model holds it."""
        return self.alive(argument) if isinstance(argument, Operand) else argument

    def leads(self, argument: Any) -> bool:
        """Whether an argument's gradient is wanted."""
        return isinstance(argument, Operand) and id(argument) in self.leading


def fitted(g: Tensor, shape: torch.Size) -> Tensor:
    """A gradient by what was broadcast, summed to its shape."""
    if g.shape == shape:
        return g
    own = padded(shape, g.shape)
    over = [d for d, n in enumerate(own) if n == 1 and g.shape[d] != 1]
    return (g.sum(over, keepdim=True) if over else g).reshape(shape)


def added(step: Step) -> Back:
    """Y = a + αb, or a − αb."""
    a, b = (step.call.named("input", "other")[name] for name in ("input", "other"))
    sign = -1 if step.call.name == "sub" else 1
    factor = sign * step.call.kwargs.get("alpha", 1)
    for argument, times in ((a, 1), (b, factor)):
        if step.leads(argument):
            yield argument, fitted(step.g if times == 1 else step.g * times, argument.value.shape)


def multiplied(step: Step) -> Back:
    """Y = a b."""
    a, b = step.call.args[:2]
    for one, other in ((a, b), (b, a)):
        if step.leads(one):
            yield one, fitted(step.g * step.tensor(other), one.value.shape)


def divided(step: Step) -> Back:
    """Y = a / b."""
    a, b = step.call.args[:2]
    if step.call.kwargs.get("rounding_mode") is not None:
        raise CaseError("with a rounding mode")
    slope = step.g / step.tensor(b)
    if step.leads(a):
        yield a, fitted(slope, a.value.shape)
    if step.leads(b):
        yield b, fitted(-slope * step.out, b.value.shape)


def matrix_product(step: Step) -> Back:
    """Y = a b for matrices and stacks of them."""
    a, b = step.call.args[:2]
    left, right = step.tensor(a), step.tensor(b)
    if min(left.dim(), right.dim()) < 2:
        raise CaseError("of a vector")
    if step.leads(a):
        # As a layer, whose weight few groups own.
        layer = right.dim() == 2
        back = functional.linear(step.g, right) if layer else step.g @ right.mT
        yield a, fitted(back, left.shape)
    if step.leads(b):
        yield b, fitted(left.mT @ step.g, right.shape)


def linear(step: Step) -> Back:
    """Y = x Wᵀ + b."""
    given = step.call.named("input", "weight", "bias")
    x, W, b, g = given["input"], given["weight"], given.get("bias"), step.g
    if step.leads(x):
        yield x, g @ step.tensor(W)
    rows = g.reshape(-1, g.shape[-1])
    if step.leads(W):
        samples = step.tensor(x)
        yield W, rows.mT @ samples.reshape(-1, samples.shape[-1])
    if isinstance(b, Operand) and step.leads(b):
        yield b, rows.sum(0).reshape(b.value.shape)


def convolution(step: Step) -> Back:
    """Y = x ∗ W + b, back to x and b."""
    names = "input", "weight", "bias", "stride", "padding", "dilation", "groups"
    given, g = step.call.named(*names), step.g
    x, W, b = given["input"], given["weight"], given.get("bias")
    dims = g.dim() - 2
    if step.leads(W) or isinstance(given.get("padding"), str):
        raise CaseError("by its weights")
    if isinstance(b, Operand) and step.leads(b):
        yield b, g.sum([0, *range(2, g.dim())])
    if not step.leads(x):
        return
    each = {"stride": 1, "padding": 0, "dilation": 1}
    sizes = {name: _each(given.get(name, usual), dims) for name, usual in each.items()}
    kernel, own, made = step.tensor(W), x.value.shape[2:], g.shape[2:]
    left = [
        own[d] - (made[d] - 1) * sizes["stride"][d] + 2 * sizes["padding"][d]
        - sizes["dilation"][d] * (kernel.shape[2 + d] - 1) - 1
        for d in range(dims)
    ]  # fmt: skip
    back = getattr(functional, f"conv_transpose{dims}d")
    yield x, back(
        g, kernel, None, sizes["stride"], sizes["padding"], left, given.get("groups", 1),
        sizes["dilation"],
    )  # fmt: skip


def transposed(step: Step) -> Back:
    """Y = a convolution's transpose of x, by W, + b, back to x and b."""
    names = "input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"
    given, g = step.call.named(*names), step.g
    x, W, b = given["input"], given["weight"], given.get("bias")
    if step.leads(W):
        raise CaseError("by its weights")
    if isinstance(b, Operand) and step.leads(b):
        yield b, g.sum([0, *range(2, g.dim())])
    if step.leads(x):
        options = {k: given[k] for k in ("stride", "padding", "dilation", "groups") if k in given}
        yield (
            x,
            getattr(functional, f"conv{step.call.name[-2:]}")(g, step.tensor(W), None, **options),
        )


def _each(size: Any, dims: int) -> list[int]:
    """A size for each dimension."""
    return [size] * dims if isinstance(size, int) else list(size) * (dims // len(size))


def power(step: Step) -> Back:
    """Y = xⁿ for a number n."""
    x, n = step.call.only(), step.call.named("input", "exponent")["exponent"]
    if isinstance(n, Tensor):
        raise CaseError("with a tensor for its exponent")
    if n == 0:
        yield x, step.g * 0
    else:
        yield x, step.g * n if n == 1 else step.g * (n * step.alive(x) ** (n - 1))


def softmax(step: Step) -> Back:
    """Y = eˣ / Σ eˣ."""
    y = step.out
    yield step.call.only(), y * (step.g - (step.g * y).sum(axis_of(step.call), keepdim=True))


def log_softmax(step: Step) -> Back:
    """Y = x − log Σ eˣ."""
    x = step.call.only()
    yield x, step.g - step.out.exp() * step.g.sum(axis_of(step.call), keepdim=True)


def cross_entropy(step: Step) -> Back:
    """Y = Σ_c T_c (log Σ eˣ − x_c), per sample or reduced."""
    given = step.call.named(
        "input", "target", "weight", "size_average", "ignore_index", "reduce", "reduction",
        "label_smoothing",
    )  # fmt: skip
    x = step.call.only()
    axis = 1 if x.value.dim() > 1 else 0
    T, count = weights_of_targets(x.value, axis, given)
    slopes = T.sum(axis, keepdim=True) * torch.log_softmax(step.alive(x), axis).exp() - T
    yield x, slopes * (step.g.unsqueeze(axis) if count is None else step.g / count)


def standardised(step: Step) -> Back:
    """Y = (x − mean) / √(variance + ε)."""
    x, y, g = step.call.only(), step.out, step.g
    given = step.call.named("x", "dims", "eps")
    dims = list(given["dims"])
    c = step.alive(x) - step.alive(x).mean(dims, keepdim=True)
    r = torch.rsqrt(c.square().mean(dims, keepdim=True) + given["eps"])
    yield x, r * (g - g.mean(dims, keepdim=True) - y * (g * y).mean(dims, keepdim=True))


def _pointwise(slope: Callable[..., Any]) -> Callable[[Step], Back]:
    """The way back through a function, given its derivative."""

    def back(step: Step) -> Back:
        x = step.call.only()
        options = {k: v for k, v in step.call.kwargs.items() if k not in ("inplace", "input")}
        yield x, step.g * slope(step.alive(x), step.out, *step.call.args[1:], **options)

    return back


def _straight(name: str) -> Callable[[Step], Back]:
    """The way back through a function that is straight but for its corners."""

    def slope(x: Tensor, y: Tensor, *rest: Any, **options: Any) -> Tensor:
        return elementwise.RULES[name](x.detach(), y.detach(), *rest, **options)[0]

    return _pointwise(slope)


BACKWARDS: Mapping[str, Callable[[Step], Back]] = {
    **{name: _pointwise(slope) for name, slope in SLOPES.items()},
    **{name: _straight(name) for name in elementwise.RULES if name in elementwise.STRAIGHT},
    "pow": power, "add": added, "sub": added, "mul": multiplied, "div": divided,
    "matmul": matrix_product, "linear": linear,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), convolution),
    **dict.fromkeys([f"conv_transpose{d}d" for d in (1, 2, 3)], transposed),
    "softmax": softmax, "log_softmax": log_softmax, "cross_entropy": cross_entropy,
    "standardised": standardised,
}  # fmt: skip
"""The ways back, but for those of linear operations, which ``Linear`` has."""
