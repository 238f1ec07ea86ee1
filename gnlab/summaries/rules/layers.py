"""Jets through layers: y = W x + b, with the few groups that own a part of W or b.

A layer is a product whose second factor has few derivatives, one for each group that owns a part
of it, and whose first has many, all of which go through one call. If the groups own units of the
layer, whole rows of W, one product with the direction serves them all: row i of U x is what the
group that owns unit i moves, and ⟨δ_i, (U Xˢ)_i⟩ its curvature with group s. If they own pieces
of a unit's row, single elements at last, one product of δ with the inputs serves them all: with x_j
what weight j of a row is multiplied by, element ij moves U_ij x_j at unit i, and its curvature with
group s is U_ij ⟨δ_i, Xˢ_j⟩.

Legend: N samples, k groups that have reached the input, m that own a part of the weight; a value
of the layer is at (a, i, b): unit i, and whatever comes before and after it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.curvature import Curvature
from gnlab.summaries.jets import Assembly, Jet, Operand, common, rows_of, union
from gnlab.summaries.owned import Pieces, Spread
from gnlab.summaries.products import along
from gnlab.summaries.rules.calls import Call, NoRuleError, jet_of, value_of
from gnlab.summaries.rules.products import mixed

_BLOCK = 1 << 24  # numbers that are made at once of what is summed up at once


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer y = W x + b.

    Attributes:
        x: Its input.
        weight: W.
        bias: b or None.
        forward: (v, W, out) -> W v, for many inputs [n, *x] and one weight; in ``out`` if given.
        back: (δ, W) -> Wᵀ δ.
        bias_shape: The bias's shape as it broadcasts over y.
        factors: What each weight of a unit's row is multiplied by, many inputs [n, *x] ->
            [n, a, j, b]; None where that differs from unit to unit.
    """

    x: Any
    weight: Any
    bias: Any
    forward: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]
    bias_shape: tuple[int, ...]
    factors: Callable[[Tensor], Tensor] | None = None

    def each(self, v: Tensor, U: Tensor, out: Tensor | None = None) -> Tensor:
        """U_i v_i for every i, or U_i v for one v."""
        if len(U) == 1:
            return self.forward(v, U[0], out)
        one = len(v) == 1
        return torch.cat(
            [self.forward(v if one else v[i : i + 1], U[i], None) for i in range(len(U))]
        )

    def moved(self, x: Tensor, weight: Jet, out: Tensor | None, shape: torch.Size) -> Tensor:
        """What each group that owns a part of W moves, U_i x, [m, *shape]."""
        if isinstance(weight, Pieces) and self.factors is not None:
            return _moved_by_pieces(self.factors(x)[0], weight).reshape(-1, *shape)
        if not isinstance(weight, Spread):
            return self.each(x, weight.values, out)
        owns = weight.owns.reshape(-1, *self.bias_shape)
        return torch.mul(self.forward(x, weight.u, None), owns, out=out)


def apply(layer: Layer, call: Call, curvature: Curvature) -> Jet:
    """The jet of a layer's result, and its curvature."""
    x, weight, bias = jet_of(layer.x), jet_of(layer.weight), jet_of(layer.bias)
    crossed = None if x is None or weight is None else mixed(x, weight, layer.each)
    given = [jet for jet in (x, weight, bias, crossed) if jet is not None]
    ranks, bent = union(*(jet.ranks for jet in given)), union(*(jet.bent for jet in given))
    y = Assembly(ranks, bent, call.out.shape, call.out)
    if x is not None:
        jet, matrix = x, value_of(layer.weight)
        y.add(jet.ranks, jet.bent, lambda out: layer.forward(jet.values, matrix, out))
        if weight is not None and call.delta is not None:
            _curve(layer, x, weight, call.delta, curvature)
    if crossed is not None:
        y.add((), crossed.bent, lambda _: crossed.values)
    own, shape = [], call.out.shape
    if weight is not None:
        inputs = value_of(layer.x)[None]
        moved = y.add(weight.ranks, weight.bent, lambda o: layer.moved(inputs, weight, o, shape))
        own.append((layer.weight, weight, moved))
    if bias is not None:
        shift = bias.values.reshape(len(bias.values), *layer.bias_shape)
        own.append((layer.bias, bias, y.add(bias.ranks, bias.bent, lambda _: shift)))
    result = y.finish()
    if call.delta is not None:
        _tell(own, result, x, call.delta, curvature)
    return result


def _curve(layer: Layer, x: Jet, weight: Jet, delta: Tensor, curvature: Curvature) -> None:
    """Add ⟨δ, B(Xˢ, Uᵗ) + B(Xᵗ, Uˢ)⟩, and to D^(3)_sss what groups of both add."""
    if isinstance(weight, Pieces) and layer.factors is not None:
        block = _curved_by_pieces(layer.factors, x.values, weight, delta)
    elif isinstance(weight, Spread) and _is_cheaper(len(x.values), weight):
        z = layer.forward(x.values, weight.u, None).mul_(delta)
        others = [1 + i for i, n in enumerate(layer.bias_shape) if n == 1]
        of_units = z.sum(others) if others else z
        block = of_units.reshape(len(x.values), -1) @ weight.owns.T
    else:
        curvature.product(x, weight.linear(lambda U: _drawn(layer, delta, U)))
        return
    j = len(x.bent)
    curvature.between(x.ranks, weight.ranks, block[j:])
    shared = common(x.bent, weight.ranks)
    if shared:
        rows = rows_of(x.bent, block[:j], shared)
        curvature.pure(shared, rows_of(weight.ranks, rows.T, shared).diagonal(), 3)


def _moved_by_pieces(factors: Tensor, weight: Pieces) -> Tensor:
    """U_i x of each group, at its own unit [k, a, i, b], from the factors [a, j, b]."""
    k, (a, _, b) = len(weight.ranks), factors.shape
    units = len(weight.u)
    moved = torch.einsum("kj,ajb->kab", weight.pieces, factors)
    y = moved.new_zeros(k, a, units, b)
    place = weight.unit[:, None, None, None].expand(k, a, 1, b)
    return y.scatter_(2, place, moved[:, :, None])


def _curved_by_pieces(
    factors: Callable[[Tensor], Tensor], x: Tensor, weight: Pieces, delta: Tensor
) -> Tensor:
    """U_ij ⟨δ_i, Xˢ_j⟩ for every row s of the input's jet, summed over each group, [n, m]."""
    m = weight.u.numel()
    each = max(m, delta.numel() * m // len(weight.u) ** 2)  # of products, of factors
    blocks = []
    for rows in torch.split(x, max(1, _BLOCK // each)):
        v = factors(rows)
        n, a, j, b = v.shape
        d = delta.reshape(a, -1, b).movedim(1, 0).reshape(-1, a * b)
        products = torch.matmul(d, v.movedim(2, -1).reshape(n, a * b, j))  # [n, i, j]
        blocks.append(weight.gathered(products))
    return torch.cat(blocks)


def _is_cheaper(rows: int, weight: Spread) -> bool:
    """Whether drawing all rows through U is less work than drawing δ back through each group's."""
    k, units = weight.owns.shape
    return rows * units < k * (units + rows)


def _tell(
    own: list[tuple[Operand, Jet, Tensor]],
    result: Jet,
    x: Jet | None,
    delta: Tensor,
    curvature: Curvature,
) -> None:
    """Tell the slopes of the parameters that only layers use: ⟨δ, what they alone move⟩."""
    told = [entry for entry in own if entry[0].name is not None and not entry[0].apart]
    ranks = union(*(jet.ranks for _, jet, _ in told))
    if len(told) == len(own) and not (x is not None and common(ranks, x.ranks)):
        moved = rows_of(result.ranks, result.matrix.first, ranks)
        curvature.slope(ranks, along(moved, delta.reshape(-1)))
        return
    for _, jet, values in told:
        first = values[len(jet.bent) :]
        adjoint = delta.sum_to_size(first.shape[1:])
        curvature.slope(jet.ranks, along(first.reshape(len(first), -1), adjoint.reshape(-1)))


def _drawn(layer: Layer, delta: Tensor, U: Tensor) -> Tensor:
    """δ drawn back through each U."""
    if len(U) == 1:
        return layer.back(delta, U[0])[None]
    return torch.stack([layer.back(delta, each) for each in U])


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
        raise NoRuleError("with a vector for a weight")
    x, weight, bias = given["input"], given["weight"], given.get("bias")
    layer = Layer(x, weight, bias, forward, back, bias_shape, factors)
    return apply(layer, call, curvature)


def convolution(call: Call, curvature: Curvature) -> Jet:
    """Y = x ∗ W + b in one to three dimensions."""
    given = call.named("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    x, func, shape = value_of(given["input"]), call.func, call.out.shape
    dims = len(shape) - 2
    if x.dim() != len(shape) or dims < 1:
        raise NoRuleError("without a dimension of samples")
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
    layer = Layer(given["input"], weight, bias, forward, back, bias_shape, shared)
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
    if x.dim() != dims + 2:
        raise NoRuleError("without a dimension of samples")
    options = {name: given[name] for name in names[3:] if name in given}

    def forward(v: Tensor, W: Tensor, out: Tensor | None) -> Tensor:
        y: Tensor = func(v.reshape(-1, *x.shape[1:]), W, None, **options)
        return y.reshape(-1, *shape)

    def back(delta: Tensor, W: Tensor) -> Tensor:
        drawn: Tensor = torch.func.vjp(lambda v: func(v, W, None, **options), x)[1](delta)[0]
        return drawn

    bias_shape = (1, shape[1], *[1] * dims)
    layer = Layer(given["input"], given["weight"], given.get("bias"), forward, back, bias_shape)
    return apply(layer, call, curvature)


def embedding(call: Call, curvature: Curvature) -> Jet:
    """Y = rows of a table; the padding row is a constant."""
    given = call.named("input", "weight", "padding_idx", "max_norm")
    if given.get("max_norm") is not None:
        raise NoRuleError("with max_norm")
    tokens, padding = given["input"], given.get("padding_idx")
    table: Operand = given["weight"]
    if padding is None:
        return table.jet.linear(lambda v: v[:, tokens])
    live = (tokens != padding % len(table.value)).to(call.out.dtype)
    return table.jet.linear(lambda v: v[:, tokens] * live[..., None])
