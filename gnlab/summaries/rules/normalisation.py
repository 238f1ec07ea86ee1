"""Jets through a normalisation: y = (x − E[x]) r with r = (E[(x − E[x])²] + ε)^(−1/2).

E is the mean over a set of elements (a sample's features, a channel of the batch). With V centred,
a = E[yV] and q = E[V²]:

    F′[V] = r (V − y a)      F″[V, W] = r² (−a_V W − a_W V + y (3 a_V a_W − E[VW]))
    F‴[V, V, V] = r³ ((9a² − 3q) V + (9aq − 15a³) y)

Written out in means, squares and products it would take four times the passes over the jets.

Legend: k groups that have reached x, j of them with a second derivative; δ the adjoint of y.
"""

import torch
from torch import Tensor

from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, rows_of, sum_of
from gnlab.summaries.jets.products import dots
from gnlab.summaries.rules.calls import Call


def standardised(call: Call, curvature: Curvature) -> Jet:
    """The jet of y, and its curvature."""
    x, y = call.only(), call.out
    given = call.named("x", "dims", "eps")
    dims = [d % y.dim() + 1 for d in given["dims"]]
    inner = [d - 1 for d in dims]
    # Torch's own variance takes several times as long.
    spread = (x.value - x.value.mean(inner, keepdim=True)).square_().mean(inner, keepdim=True)
    r = torch.rsqrt(spread + given["eps"])
    c = x.jet.linear(lambda v: v - v.mean(dims, keepdim=True))
    a = c.linear(lambda v: (v * y).mean(dims, keepdim=True))
    V, a_V = c.first, a.first
    squares = V * V
    q = squares.mean(dims, keepdim=True)
    if call.delta is not None:
        _curve(c, a, q, y, r, call.delta, dims, curvature)
    straight = Jet(c.ranks, c.bent, torch.addcmul(c.values, y, a.values, value=-1).mul_(r))
    bend = torch.mul(V, a_V, out=squares).mul_(-2).addcmul_(y, 3 * a_V * a_V - q).mul_(r * r)
    return sum_of([straight, Jet((), c.ranks, bend)], y.shape)


def _curve(
    c: Jet,
    a: Jet,
    q: Tensor,
    y: Tensor,
    r: Tensor,
    delta: Tensor,
    dims: list[int],
    curvature: Curvature,
) -> None:
    """Add ⟨δ, F″[Vˢ, Vᵗ]⟩, ⟨δ, F‴[Vˢ, Vˢ, Vˢ]⟩ and 3⟨δ, F″[Vˢ, Vˢˢ]⟩.

    Args:
        c: The centred jet.
        a: E[y·] of its rows.
        q: E[V²].
        y: The result.
        r: The factor.
        delta: δ.
        dims: The dimensions of a set, in a jet's values.
        curvature: What to add to.
    """
    inner, k = [d - 1 for d in dims], len(c.ranks)
    beta = (delta * y).sum(inner, keepdim=True)
    gamma = c.linear(lambda v: (v * delta).sum(dims, keepdim=True))
    square, share = r * r, r.numel() / y.numel()
    moved = (a.first * square).reshape(k, -1)
    cross = moved @ gamma.matrix.first.T
    own = 3 * (moved * beta.reshape(-1)) @ a.matrix.first.T
    pulled = c.first * (beta * square * share)
    mean = pulled.reshape(k, -1) @ c.matrix.first.T
    curvature.within(c.ranks, own - cross - cross.T - mean)
    a_V, g_V = a.first, gamma.first
    twist = (9 * a_V * a_V - 3 * q) * g_V + (9 * q - 15 * a_V * a_V) * a_V * beta
    curvature.pure(c.ranks, (twist * (square * r)).reshape(k, -1).sum(1))
    if c.bent:
        a_V, g_V, drawn = (rows_of(c.ranks, t, c.bent) for t in (a_V, g_V, pulled))
        a_W, g_W = a.second, gamma.second
        each = ((3 * a_V * a_W * beta - a_V * g_W - a_W * g_V) * square).reshape(len(c.bent), -1)
        both = dots(drawn.reshape(len(c.bent), -1), c.matrix.second)
        curvature.pure(c.bent, each.sum(1) - both, 3)
