"""Jets through torch's layers: each is a ``Layer`` of ``affine.py``, or a table's rows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand
from gnlab.summaries.rules import shares
from gnlab.summaries.rules.affine import apply
from gnlab.summaries.rules.calls import Call, CaseError, value_of
from gnlab.summaries.rules.layer import Apart, Layer


def linear(call: Call, curvature: Curvature) -> Jet:
    """Y = x Wᵀ + b."""
    given = call.named("input", "weight", "bias")
    shape = call.out.shape

    def forward(v: Tensor, W: Tensor, out: Tensor | None) -> Tensor:
        v = v.reshape(-1, W.shape[1])
        if out is None:
            return torch.mm(v, W.T).reshape(-1, *shape)
        torch.mm(v, W.T, out=out.view(-1, W.shape[0]))
        return out

    def back(delta: Tensor, W: Tensor) -> Tensor:
        return delta @ W

    def factors(v: Tensor) -> Tensor:
        return v.reshape(len(v), -1, v.shape[-1], 1)

    bias_shape = (*[1] * (len(shape) - 1), shape[-1] if shape else 1)
    if value_of(given["weight"]).dim() != 2:
        raise CaseError("with a vector for a weight")
    x, weight, bias = given["input"], given["weight"], given.get("bias")
    units, last = Axis(max(len(shape) - 1, 0), 1), value_of(x).dim() - 1
    apart = Apart(last, True, shares.linear, lambda own, W: shares.linear(own, W.T))
    layer = Layer(x, weight, bias, forward, back, bias_shape, units, factors, apart)
    return apply(layer, call, curvature)


def convolution(call: Call, curvature: Curvature) -> Jet:
    """Y = x ∗ W + b in one to three dimensions."""
    given = call.named("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    x, func, shape = value_of(given["input"]), call.func, call.out.shape
    dims = len(shape) - 2
    options = [given.get(name, usual) for name, usual in _CONVOLUTION.items()]

    def forward(v: Tensor, W: Tensor, out: Tensor | None) -> Tensor:
        y: Tensor = func(v.reshape(-1, *x.shape[1:]), W, None, *options)
        return y.reshape(-1, *shape)

    def back(delta: Tensor, W: Tensor) -> Tensor:
        return _drawn_back(func, x, delta, W, options, dims)

    def factors(v: Tensor) -> Tensor:
        # A convolution by every kernel that has a single one in it.
        row = value_of(given["weight"]).shape[1:]
        single = torch.eye(row.numel(), dtype=v.dtype, device=v.device).reshape(-1, *row)
        found: Tensor = func(v.reshape(-1, *x.shape[1:]), single, None, *options)
        return found.reshape(len(v), shape[0], row.numel(), -1)

    bias_shape = (1, shape[1], *[1] * dims)
    shared = factors if options[-1] == 1 else None
    weight, bias = given["weight"], given.get("bias")
    channels = Axis(1, 1)
    apart = Apart(
        channels.dim,
        False,
        lambda own, W, out: shares.convolution(
            own, lambda v, units: func(v, W[:, units], None, *options), out
        ),
        lambda own, W: shares.convolution(
            own, lambda d, units: _drawn_back(func, x, d, W[units], options, dims)
        ),
    )
    layer = Layer(
        given["input"], weight, bias, forward, back, bias_shape, channels, shared,
        apart if options[-1] == 1 else None,
    )  # fmt: skip
    return apply(layer, call, curvature)


_CONVOLUTION = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def _drawn_back(
    func: Callable[..., Tensor], x: Tensor, delta: Tensor, W: Tensor, options: list[Any], dims: int
) -> Tensor:
    """δ drawn back through a convolution by W."""
    *sizes, groups = options
    if isinstance(sizes[1], str):  # "same" or "valid": torch itself knows what that is
        zero = delta.new_zeros(()).expand(x.shape)
        drawn: Tensor = torch.func.vjp(lambda v: func(v, W, None, *options), zero)[1](delta)[0]
        return drawn
    stride, padding, dilation = (
        [size] * dims if isinstance(size, int) else list(size) * (dims // len(size))
        for size in sizes
    )
    drawn, _, _ = torch.ops.aten.convolution_backward(
        delta, x, W, None, stride, padding, dilation, False, [0] * dims, groups,
        [True, False, False],
    )  # fmt: skip
    return drawn


def transposed(call: Call, curvature: Curvature) -> Jet:
    """Y = a convolution's transpose of x, by W, + b."""
    names = "input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"
    given = call.named(*names)
    x, func, shape = value_of(given["input"]), call.func, call.out.shape
    dims = int(call.name[-2])
    options = {name: given[name] for name in names[3:] if name in given}

    def forward(v: Tensor, W: Tensor, out: Tensor | None) -> Tensor:
        y: Tensor = func(v.reshape(-1, *x.shape[1:]), W, None, **options)
        return y.reshape(-1, *shape)

    def back(delta: Tensor, W: Tensor) -> Tensor:
        drawn: Tensor = torch.func.vjp(lambda v: func(v, W, None, **options), x)[1](delta)[0]
        return drawn

    bias_shape = (1, shape[1], *[1] * dims)
    weight, bias = given["weight"], given.get("bias")
    layer = Layer(given["input"], weight, bias, forward, back, bias_shape)
    return apply(layer, call, curvature)


def embedding(call: Call, curvature: Curvature) -> Jet:
    """Y = rows of a table; the padding row is a constant."""
    given = call.named("input", "weight", "padding_idx", "max_norm")
    if given.get("max_norm") is not None:
        raise CaseError("with max_norm")
    tokens, padding = given["input"], given.get("padding_idx")
    table: Operand = given["weight"]
    if padding is None:
        return table.jet.linear(lambda v: v[:, tokens])
    live = (tokens != padding % len(table.value)).to(call.out.dtype)
    return table.jet.linear(lambda v: v[:, tokens] * live[..., None])
