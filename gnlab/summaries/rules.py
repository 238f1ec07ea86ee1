"""What each kind of operation does to jets, and the curvature that it adds.

A rule takes a call and returns the jet of its result, or a list for several results. Operations
that are linear in what depends on the parameters, and selections whose choice is fixed by the
values (a maximum, a mask), add no curvature.

Legend: k, l groups; x, y values; δ the adjoint of the result; B a bilinear operation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries import elementwise
from gnlab.summaries.jets import Curvature, Jet, Operand, Part, Term, in_common, sum_of, together


@dataclass(slots=True, eq=False)
class Call:
    """One call of an operation.

    Attributes:
        func: The operation.
        args: Its arguments; a tensor that depends on the parameters is an ``Operand``.
        kwargs: Its keyword arguments, likewise.
        out: What it returned, without a graph.
        terms: The curvature that it adds, filled in by the rule.
    """

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any
    terms: list[Term] = field(default_factory=list)

    def named(self, *names: str) -> dict[str, Any]:
        """The arguments by name; ``names`` are those of the positional ones."""
        return dict(zip(names, self.args, strict=False)) | self.kwargs


class NoRuleError(Exception):
    """There is no rule for an operation; the message names it."""


Rule = Callable[[Call], "Jet | list[Jet]"]


def value_of(argument: Any) -> Any:
    """An argument's value."""
    return argument.value if isinstance(argument, Operand) else argument


def jet_of(argument: Any) -> Jet | None:
    """An argument's jet, None for a constant."""
    return argument.jet if isinstance(argument, Operand) else None


def linear_map(call: Call) -> Jet | list[Jet]:
    """y = A x: an operation that is linear in its first argument, the others being constants."""
    x = call.args[0]
    if not isinstance(x, Operand) or any(isinstance(a, Operand) for a in call.args[1:]):
        raise NoRuleError("with a variable in an unusual place")
    each = torch.vmap(lambda v: call.func(v, *call.args[1:], **call.kwargs))
    if not isinstance(call.out, (tuple, list)):
        return x.jet.linear(each)
    first = each(x.jet.first.values)
    second = None if x.jet.second is None else each(x.jet.second.values)
    return [
        Jet(
            Part(x.jet.first.ranks, value),
            None if second is None or x.jet.second is None else Part(x.jet.second.ranks, other),
        )
        for value, other in zip(first, second or first, strict=True)
    ]


def elementwise_map(rule: elementwise.Rule) -> Rule:
    """y = σ(x): H̄ ⟵ ⟨δσ″, VˢVᵗ⟩, D^(3) ⟵ ⟨δσ‴, (Vˢ)³⟩ + 3⟨δσ″, VˢVˢˢ⟩."""

    def apply(call: Call) -> Jet:
        x = call.args[0]
        if not isinstance(x, Operand):
            raise NoRuleError("with a variable in an unusual place")
        options = {k: v for k, v in call.kwargs.items() if k != "inplace"}
        one, two, three = rule(x.value, call.out, *call.args[1:], **options)
        passed = x.jet.scaled(one)
        if two is None:
            return passed
        V, W = x.jet.first, x.jet.second
        squares = V.values * V.values
        call.terms.append(_elementwise_term(V, W, squares, two, three))
        return Jet(passed.first, together([Part(V.ranks, squares * two), passed.second]))

    return apply


def _elementwise_term(
    V: Part, W: Part | None, squares: Tensor, two: Tensor, three: Tensor | None
) -> Term:
    """What an elementwise function adds."""

    def term(curvature: Curvature, delta: Tensor) -> None:
        weight = (delta * two).reshape(-1)
        curvature.within(V.ranks, (V.rows * weight) @ V.rows.T)
        if three is not None:
            cubes = squares.reshape(len(V.ranks), -1) * V.rows
            curvature.pure(V.ranks, cubes @ (delta * three).reshape(-1))
        shared = in_common(V, W)
        if shared is not None:
            ranks, first, second = shared
            products = (first * second).reshape(len(ranks), -1)
            curvature.pure(ranks, 3 * (products @ weight))

    return term


def add(call: Call, sign: float = 1.0) -> Jet:
    """y = a + αb, broadcast."""
    a, b = call.args[:2]
    factor = sign * call.kwargs.get("alpha", 1)
    return sum_of([_broadcast(a, call.out), _broadcast(b, call.out, factor)])


def subtract(call: Call) -> Jet:
    """y = a − αb."""
    return add(call, -1.0)


def subtract_from(call: Call) -> Jet:
    """y = b − αa, as torch.rsub."""
    call.args = (call.args[1], call.args[0], *call.args[2:])
    return add(call, -1.0)


def _broadcast(argument: Any, out: Tensor, factor: float = 1.0) -> Jet | None:
    """An argument's jet in the result's shape."""
    jet = jet_of(argument)
    if jet is None:
        return None
    ones = [1] * (out.dim() - argument.value.dim())

    def widen(v: Tensor) -> Tensor:
        v = v.reshape(len(v), *ones, *v.shape[1:]).expand(len(v), *out.shape)
        return v if factor == 1 else v * factor

    second = None if jet.second is None else jet.second.map(widen)
    return Jet(jet.first.map(widen), second)


def where(call: Call) -> Jet:
    """y = a where the condition holds, else b."""
    condition, a, b = call.args[:3]
    jets = [
        None if jet is None else jet.scaled(mask.to(call.out.dtype))
        for jet, mask in (
            (_broadcast(a, call.out), condition),
            (_broadcast(b, call.out), ~condition),
        )
    ]
    return sum_of(jets)


def masked_fill(call: Call) -> Jet:
    """y = x, and a constant where the mask holds."""
    x, mask = call.args[:2]
    jet = _broadcast(x, call.out)
    if jet is None:
        raise NoRuleError("with a variable in an unusual place")
    return jet.linear(lambda v: v.masked_fill(mask, 0))


def concatenate(call: Call) -> Jet:
    """y = the arguments side by side."""
    given = call.named("tensors", "dim")
    axis = given.get("dim", 0) % call.out.dim()
    at, jets = 0, []
    for tensor in given["tensors"]:
        width = value_of(tensor).shape[axis]
        after = call.out.shape[axis] - at - width
        margins = [0, 0] * (call.out.dim() - 1 - axis) + [at, after]
        jet = jet_of(tensor)
        if jet is not None and width:
            jets.append(jet.linear(_padded(margins)))
        at += width
    return sum_of(jets)


def _padded(margins: list[int]) -> Callable[[Tensor], Tensor]:
    """Pads with zeros."""
    return lambda v: functional.pad(v, margins)


def stack(call: Call) -> Jet:
    """y = the arguments along a new dimension."""
    given = call.named("tensors", "dim")
    axis = given.get("dim", 0) % call.out.dim()
    tensors = [
        Operand(t.value.unsqueeze(axis), t.jet.linear(lambda v: v.unsqueeze(axis + 1)))
        if isinstance(t, Operand)
        else t.unsqueeze(axis)
        for t in given["tensors"]
    ]
    return concatenate(Call(torch.cat, (tensors, axis), {}, call.out))


def product(call: Call) -> Jet:
    """y = a·b, element by element, or a @ b."""
    a, b = call.args[:2]
    B: Callable[[Any, Any], Any] = call.func
    return bilinear(call, a, b, B)


def bilinear(call: Call, a: Any, b: Any, B: Callable[[Any, Any], Any]) -> Jet:
    """y = B(a, b): H̄ ⟵ ⟨δ, B(Aˢ, Bᵗ) + B(Aᵗ, Bˢ)⟩, D^(3) ⟵ 3⟨δ, B(Aˢˢ, Bˢ) + B(Aˢ, Bˢˢ)⟩."""
    left, right = value_of(a), value_of(b)
    ja, jb = jet_of(a), jet_of(b)
    jets = []
    if ja is not None:
        jets.append(ja.linear(torch.vmap(lambda v: B(v, right))))
    if jb is not None:
        jets.append(jb.linear(torch.vmap(lambda v: B(left, v))))
    if ja is None or jb is None:
        return jets[0]

    def pull(delta: Tensor, part: Part) -> Part:
        """δ pulled back to a through B(·, Bᵗ), for every t."""
        back = torch.func.vjp(lambda v: torch.vmap(lambda w: B(v, w))(part.values), left)[1]
        ones = torch.eye(len(part.ranks), dtype=delta.dtype, device=delta.device)
        each = ones.reshape(*ones.shape, *[1] * delta.dim()) * delta
        return Part(part.ranks, torch.vmap(lambda d: back(d)[0])(each))

    call.terms.append(product_term(ja, jb, pull))
    total = sum_of(jets)
    return Jet(total.first, together([total.second, _mixed(ja, jb, torch.vmap(B))]))


def _mixed(one: Jet, two: Jet, B: Callable[[Tensor, Tensor], Tensor]) -> Part | None:
    """2 B(Aˢ, Bˢ)."""
    shared = in_common(one.first, two.first)
    return None if shared is None else Part(shared[0], 2 * B(shared[1], shared[2]))


def product_term(one: Jet, two: Jet, pull: Callable[[Tensor, Part], Part]) -> Term:
    """What a product adds, given how δ is pulled back to the first factor through the second's."""

    def term(curvature: Curvature, delta: Tensor) -> None:
        pulled = pull(delta, two.first)
        curvature.between(one.first.ranks, pulled.ranks, one.first.rows @ pulled.rows.T)
        pairs = [(one.second, pulled)]
        if two.second is not None:
            pairs.append((one.first, pull(delta, two.second)))
        for first, second in pairs:
            shared = in_common(first, second)
            if shared is not None:
                ranks, a, b = shared
                curvature.pure(ranks, 3 * (a * b).reshape(len(ranks), -1).sum(1))

    return term


def affine(
    call: Call,
    x: Any,
    weight: Any,
    bias: Any,
    forward: Callable[[Tensor, Tensor], Tensor],
    back: Callable[[Tensor, Tensor], Tensor],
    bias_shape: tuple[int, ...],
) -> Jet:
    """y = W x + b of a layer: a product whose second factor has few groups of its own.

    Args:
        call: The call.
        x: The layer's input.
        weight: W.
        bias: b or None.
        forward: (v, W) -> W v, for many inputs [k, ...] and one weight.
        back: (δ, W) -> Wᵀ δ, for one adjoint and one weight.
        bias_shape: What makes b broadcast over y.

    Returns:
        The result's jet.
    """
    jets: list[Jet | None] = []
    jx, jw, jb = jet_of(x), jet_of(weight), jet_of(bias)
    values, matrix = value_of(x), value_of(weight)
    if jx is not None:
        jets.append(jx.linear(lambda v: forward(v, matrix)))
    if jw is not None:
        each = lambda part: torch.cat([forward(values[None], U) for U in part])  # noqa: E731
        second = None if jw.second is None else jw.second.map(each)
        jets.append(Jet(jw.first.map(each), second))
    if jb is not None:
        widen = lambda v: v.reshape(len(v), *bias_shape).expand(len(v), *call.out.shape)  # noqa: E731
        second = None if jb.second is None else jb.second.map(widen)
        jets.append(Jet(jb.first.map(widen), second))
    total = sum_of(jets)
    if jx is None or jw is None:
        return total

    def pull(delta: Tensor, part: Part) -> Part:
        return part.map(lambda v: torch.stack([back(delta, U) for U in v]))

    def both(v: Tensor, w: Tensor) -> Tensor:
        return torch.cat([forward(a[None], U) for a, U in zip(v, w, strict=True)])

    call.terms.append(product_term(jx, jw, pull))
    return Jet(total.first, together([total.second, _mixed(jx, jw, both)]))


def linear(call: Call) -> Jet:
    """y = x Wᵀ + b."""
    given = call.named("input", "weight", "bias")
    shape = (*[1] * (call.out.dim() - 1), -1)
    return affine(
        call, given["input"], given["weight"], given.get("bias"),
        lambda v, W: v @ W.T, lambda d, W: d @ W, shape,
    )  # fmt: skip


def convolution(call: Call) -> Jet:
    """y = x ∗ W + b in one to three dimensions."""
    given = call.named("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    options = [given.get("stride", 1), given.get("padding", 0), given.get("dilation", 1)]
    options.append(given.get("groups", 1))
    x, out, func = given["input"], call.out, call.func
    shape = value_of(x).shape
    if len(shape) != out.dim() or out.dim() < 3:
        raise NoRuleError("without a dimension of samples")

    def forward(v: Tensor, W: Tensor) -> Tensor:
        y: Tensor = func(v.reshape(-1, *shape[1:]), W, None, *options)
        return y.reshape(len(v), *out.shape)

    def back(delta: Tensor, W: Tensor) -> Tensor:
        zero = delta.new_zeros(()).expand(shape)
        result: Tensor = torch.func.vjp(lambda v: func(v, W, None, *options), zero)[1](delta)[0]
        return result

    bias_shape = (1, -1, *[1] * (out.dim() - 2))
    return affine(call, x, given["weight"], given.get("bias"), forward, back, bias_shape)


def embedding(call: Call) -> Jet:
    """y = rows of a table; the padding row is a constant."""
    given = call.named("tokens", "weight", "padding_idx", "max_norm")
    if given.get("max_norm") is not None:
        raise NoRuleError("with max_norm")
    tokens, padding = given["tokens"], given.get("padding_idx")
    live = torch.ones_like(tokens, dtype=call.out.dtype)
    if padding is not None:
        live = (tokens != padding % len(given["weight"].value)).to(call.out.dtype)
    jet: Jet = given["weight"].jet
    return jet.linear(lambda v: v[:, tokens] * live[..., None])


def max_pool(call: Call) -> Jet:
    """y = the largest value of each window."""
    x, dims = call.args[0], call.out.dim() - 2
    pool = getattr(functional, f"max_pool{dims}d")
    options = {k: v for k, v in call.kwargs.items() if k != "return_indices"}
    _, index = pool(x.value, *call.args[1:], **options, return_indices=True)
    index = index.flatten(2)

    def select(v: Tensor) -> Tensor:
        every = index.expand(len(v), *index.shape)
        return v.flatten(3).gather(3, every).reshape(len(v), *call.out.shape)

    jet: Jet = x.jet
    return jet.linear(select)


def log_softmax(call: Call) -> Jet:
    """y = x − log Σ eˣ: with p = eʸ and E the mean under p, the curvature is that of −log Σ eˣ.

    Its second derivative is the covariance, its third the third cumulant.
    """
    given = call.named("input", "dim")
    x, axis = given["input"], given["dim"] % call.out.dim()
    p = torch.exp(call.out)

    def mean(v: Tensor) -> Tensor:
        return (p * v).sum(axis + 1, keepdim=True)

    V, W = x.jet.first, x.jet.second
    m = mean(V.values)
    squares = mean(V.values * V.values)
    second = [Part(V.ranks, (m * m - squares).expand_as(V.values))]
    if W is not None:
        second.append(W.map(lambda w: w - mean(w)))

    def term(curvature: Curvature, delta: Tensor) -> None:
        weight = -delta.sum(axis, keepdim=True)
        k = len(V.ranks)
        flat = (m * weight).reshape(k, -1) @ m.reshape(k, -1).T
        curvature.within(V.ranks, (V.values * (p * weight)).reshape(k, -1) @ V.rows.T - flat)
        cumulant = mean(V.values**3) - 3 * m * squares + 2 * m * m * m
        curvature.pure(V.ranks, (cumulant * weight).reshape(k, -1).sum(1))
        shared = in_common(V, W)
        if shared is not None:
            ranks, v, w = shared
            covariance = mean(v * w) - mean(v) * mean(w)
            curvature.pure(ranks, 3 * (covariance * weight).reshape(len(ranks), -1).sum(1))

    call.terms.append(term)
    return Jet(V.map(lambda v: v - m), together(second))


_LINEAR = (
    "view", "reshape", "flatten", "unflatten", "permute", "transpose", "t", "T", "mT", "H",
    "squeeze", "unsqueeze", "expand", "expand_as", "view_as", "contiguous", "clone", "sum", "mean",
    "neg", "negative", "gather", "getitem", "select", "narrow", "index_select", "movedim",
    "swapaxes", "swapdims", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "to", "float", "double", "type_as", "cumsum", "tril",
    "triu", "split", "chunk", "unbind", "roll", "flip", "repeat", "repeat_interleave", "pad",
    "diagonal", "tile", "unfold", "pixel_shuffle",
)  # fmt: skip
RULES: Mapping[str, Rule] = {
    **{name: elementwise_map(rule) for name, rule in elementwise.RULES.items()},
    **dict.fromkeys(_LINEAR, linear_map),
    "add": add, "sub": subtract, "rsub": subtract_from, "where": where,
    "masked_fill": masked_fill, "cat": concatenate, "stack": stack, "mul": product,
    "matmul": product, "linear": linear, "conv1d": convolution, "conv2d": convolution,
    "conv3d": convolution, "embedding": embedding, "max_pool1d": max_pool,
    "max_pool2d": max_pool, "max_pool3d": max_pool, "log_softmax": log_softmax,
}  # fmt: skip
"""The rules by the operation's plain name."""
