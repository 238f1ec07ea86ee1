"""Jets through products: y = B(a, b), linear in each of its two factors.

    Vˢ  → B(Aˢ, b) + B(a, Bˢ)      Vˢˢ → B(Aˢˢ, b) + B(a, Bˢˢ) + 2 B(Aˢ, Bˢ)
    H̄ ⟵ ⟨δ, B(Aˢ, Bᵗ) + B(Aᵗ, Bˢ)⟩      D^(3)_sss ⟵ 3⟨δ, B(Aˢˢ, Bˢ) + B(Aˢ, Bˢˢ)⟩

δ is drawn back through one factor's derivatives once; what is left is a product of matrices.

Legend: k groups that have reached the first factor, l the second; N samples.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand, rows_of, sum_of
from gnlab.summaries.jets.ranks import common
from gnlab.summaries.rules import elementwise
from gnlab.summaries.rules.calls import Call, CaseError, jet_of, operands, value_of
from gnlab.summaries.rules.pointwise import pointwise

Bilinear = Callable[[Tensor, Tensor], Tensor]


def mul(call: Call, curvature: Curvature) -> Jet:
    """Y = a b, element by element, either of them broadcast."""
    a, b = call.args[:2]
    if not isinstance(value_of(a), Tensor) or not isinstance(value_of(b), Tensor):
        return jet_of_either(a, b).scaled(_number(a, b))
    shape = call.out.shape

    def times(v: Tensor, w: Tensor) -> Tensor:
        return widened(v, shape) * widened(w, shape)

    def draw(delta: Tensor, w: Tensor, like: Tensor) -> Tensor:
        return widened(w, shape).mul(delta).sum_to_size(len(w), *padded(like.shape, shape))

    return _product(call, curvature, a, b, times, draw)


def quotient(call: Call, curvature: Curvature) -> Jet:
    """Y = a / b, element by element: the product of a and 1 / b."""
    a, b = call.args
    if call.kwargs.get("rounding_mode") is not None:
        raise CaseError("with a rounding mode")
    shape, below = call.out.shape, jet_of(b)
    if below is None:
        jet = jet_of_either(a, None)
        return jet.linear(lambda v: (widened(v, shape) / value_of(b)).expand(len(v), *shape))
    inverse = Operand(torch.reciprocal(b.value))
    inner = Call("reciprocal", torch.reciprocal, (b,), {}, [inverse], [b])
    if call.delta is not None:
        inner.delta = (call.delta * value_of(a)).sum_to_size(b.value.shape)
    made = _inverted(inner, curvature)
    assert isinstance(made, Jet)
    inverse.carried = made
    product = dataclasses.replace(call, args=(a, inverse), given=[*operands(a), inverse])
    return mul(product, curvature)


_inverted = pointwise(elementwise.reciprocal)


def _number(a: Any, b: Any) -> Any:
    """The factor that is not a tensor."""
    return b if isinstance(value_of(a), Tensor) else a


def jet_of_either(a: Any, b: Any) -> Jet:
    """The jet of the one that has one."""
    jet = jet_of(a) or jet_of(b)
    assert jet is not None
    return jet


def padded(own: torch.Size, shape: torch.Size) -> tuple[int, ...]:
    """A shape with as many dimensions as another that it broadcasts to."""
    return (*[1] * (len(shape) - len(own)), *own)


def widened(v: Tensor, shape: torch.Size) -> Tensor:
    """Values [n, *own] so that they broadcast over [n, *shape]."""
    return v.reshape(len(v), *padded(v.shape[1:], shape))


def matmul(call: Call, curvature: Curvature) -> Jet:
    """Y = a @ b for matrices, stacks of them, and vectors."""
    a, b = call.args[:2]
    left, right = value_of(a), value_of(b)
    # A vector is a matrix with one row, or one column; the result has no such dimension.
    row, column = left.dim() == 1, right.dim() == 1
    dims = max(left.dim() + row, right.dim() + column)

    def stacked(v: Tensor, vector: int | None) -> Tensor:
        v = v if vector is None else v.unsqueeze(vector)
        return v.reshape(len(v), *[1] * (dims + 1 - v.dim()), *v.shape[1:])

    def left_of(v: Tensor) -> Tensor:
        return stacked(v, 1 if row else None)

    def right_of(v: Tensor) -> Tensor:
        return stacked(v, -1 if column else None)

    def times(v: Tensor, w: Tensor) -> Tensor:
        y = left_of(v) @ right_of(w)
        return y.reshape(len(y), *call.out.shape)

    def draw(delta: Tensor, w: Tensor, like: Tensor) -> Tensor:
        delta = delta.unsqueeze(-1) if column else delta
        delta = delta.unsqueeze(-2) if row else delta
        pulled = delta @ right_of(w).mT
        return pulled.sum_to_size(len(w), *left_of(like[None]).shape[1:])

    return _product(call, curvature, a, b, times, draw)


def general(B: Bilinear, call: Call, curvature: Curvature, a: Any, b: Any) -> Jet:
    """Any y = B(a, b), by torch's own derivative of B."""
    each = torch.vmap(B)

    def times(v: Tensor, w: Tensor) -> Tensor:
        n = max(len(v), len(w))
        return each(v.expand(n, *v.shape[1:]), w.expand(n, *w.shape[1:]))

    def draw(delta: Tensor, w: Tensor, like: Tensor) -> Tensor:
        def back(one: Tensor) -> Tensor:
            drawn: Tensor = torch.func.vjp(lambda v: B(v, one), like)[1](delta)[0]
            return drawn

        return torch.vmap(back)(w)

    return _product(call, curvature, a, b, times, draw)


def einsum(call: Call, curvature: Curvature) -> Jet:
    """Y = a sum of products over indices, of two tensors at most; of more there is a formula."""
    equation, *factors = call.args
    if len(factors) == 1 and isinstance(factors[0], (tuple, list)):
        factors = list(factors[0])
    if len(factors) == 1:
        return jet_of_either(factors[0], None).linear(
            torch.vmap(lambda v: torch.einsum(equation, v))
        )
    return general(
        lambda v, w: torch.einsum(equation, v, w), call, curvature, factors[0], factors[1]
    )


def outer(call: Call, curvature: Curvature) -> Jet:
    """A product that ``general`` sees to."""
    a, b, *rest = call.args
    if operands((rest, call.kwargs)):
        raise CaseError("with a variable in an unusual place")
    return general(lambda v, w: call.func(v, w, *rest, **call.kwargs), call, curvature, a, b)


def _product(
    call: Call,
    curvature: Curvature,
    a: Any,
    b: Any,
    times: Bilinear,
    draw: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Jet:
    """The jet and the curvature of a product.

    Args:
        call: The call.
        curvature: What to add to.
        a: The first factor.
        b: The second factor.
        times: B of many pairs at once, [n, *a] and [n, *b] -> [n, *y]; n is 1 for a constant.
        draw: (δ, [n, *b], a) -> δ drawn back through B(·, Bᵗ), [n, *a].

    Returns:
        The jet.
    """
    ja, jb = jet_of(a), jet_of(b)
    if ja is None or jb is None:
        left, right = value_of(a)[None], value_of(b)[None]
        if ja is None:
            assert jb is not None
            return jb.linear(lambda w: times(left, w))
        return ja.linear(lambda v: times(v, right))
    if call.delta is not None:
        delta = call.delta
        curvature.product(ja, jb.linear(lambda w: draw(delta, w, a.value)))
    parts: list[Jet | None] = [
        ja.linear(lambda v: times(v, b.value[None])),
        jb.linear(lambda w: times(a.value[None], w)),
        mixed(ja, jb, times),
    ]
    return sum_of(parts, call.out.shape)


def mixed(one: Jet, two: Jet, times: Bilinear) -> Jet | None:
    """The second derivatives 2 B(Aˢ, Bˢ), as a jet; None for no group in common."""
    shared = common(one.ranks, two.ranks)
    if not shared:
        return None
    v, w = rows_of(one.ranks, one.first, shared), rows_of(two.ranks, two.first, shared)
    return Jet((), shared, times(v, w).mul_(2))
