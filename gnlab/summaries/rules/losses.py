"""Jets through the softmax, its logarithm and its cross-entropy, by their cumulants.

With p = softmax(x) and E the mean under p, log Σ eˣ has the first derivative E[V], the second
E[C²] with C = V − E[V] (a covariance) and the third E[C³]; p itself has

    F′[V] = pC      F″[V, W] = p(C_V C_W − E[C_V C_W])      F‴[V, V, V] = p(C³ − 3C E[C²] − E[C³])

Legend: N samples, C classes, T targets' weights [N, C, ...], k groups that have reached x.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, sum_of
from gnlab.summaries.jets.products import along, dots
from gnlab.summaries.rules.calls import Call, CaseError
from gnlab.summaries.rules.reduced import modern


@dataclass(frozen=True, slots=True, eq=False)
class Softmax:
    """The moments of a jet under p = softmax(x) along an axis, which is kept.

    Attributes:
        p: softmax(x).
        centred: V − E[V] and W − E[W]: where p is nearly one, raw moments would cancel.
        weighted: p (V − E[V]).
        variances: E[(V − E[V])²].
    """

    p: Tensor
    centred: Jet
    weighted: Tensor
    variances: Tensor

    @classmethod
    def of(cls, jet: Jet, p: Tensor, axis: int) -> "Softmax":
        """The moments of a jet; the axis is one of the value's."""
        centred = _centred(jet, p, axis)
        weighted = centred.first * p
        variances = (weighted * centred.first).sum(axis + 1, keepdim=True)
        return cls(p, centred, weighted, variances)

    def curve(self, weight: Tensor, curvature: Curvature) -> None:
        """Add the curvature of Σ weight · log Σ eˣ, the axis kept in weight."""
        c, rows = self.centred, self.centred.matrix
        pulled = (self.weighted * weight).reshape(len(c.ranks), -1)
        curvature.bent(c, pulled, rows.values)
        curvature.pure(c.ranks, dots(pulled, rows.first * rows.first))


def axis_of(call: Call) -> int:
    """The dimension of a softmax; the one that torch takes where none is given, too."""
    dim, dims = call.named("input", "dim").get("dim"), call.out.dim()
    if dim is None:
        return 0 if dims in (0, 1, 3) else 1
    return int(dim) % max(dims, 1)


def _centred(jet: Jet, p: Tensor, axis: int) -> Jet:
    """V − E[V] and W − E[W]; the axis is one of the value's."""
    return jet.linear(lambda v: v - (v * p).sum(axis + 1, keepdim=True))


def log_softmax(call: Call, curvature: Curvature) -> Jet:
    """Y = x − log Σ eˣ."""
    x, axis = call.only(), axis_of(call)
    if call.out.dtype != x.value.dtype:
        raise CaseError("with a dtype")
    found = Softmax.of(x.jet, torch.exp(call.out), axis)
    if call.delta is not None:
        found.curve(-call.delta.sum(axis, keepdim=True), curvature)
    bend = Jet((), x.jet.ranks, -found.variances)
    return sum_of([found.centred, bend], call.out.shape)


def softmax(call: Call, curvature: Curvature) -> Jet:
    """Y = p; ⟨δ, F″⟩ = Σ p(δ − E[δ]) C_V C_W, and ⟨δ, F‴⟩ likewise."""
    x, p, axis = call.only(), call.out, axis_of(call)
    c, k = _centred(x.jet, p, axis), len(x.jet.ranks)
    straight = c.linear(lambda v: v * p)
    squares = straight.first * c.first
    variances = squares.sum(axis + 1, keepdim=True)
    if call.delta is not None:
        weight = call.delta - (call.delta * p).sum(axis, keepdim=True)
        pulled = straight.first * weight
        curvature.bent(c, pulled.reshape(k, -1), c.matrix.values)
        cubes = along((squares * c.first).reshape(k, -1), weight.reshape(-1))
        twist = variances * pulled.sum(axis + 1, keepdim=True)
        curvature.pure(c.ranks, cubes - 3 * twist.reshape(k, -1).sum(1))
    bend = squares.addcmul_(p, variances, value=-1)
    return sum_of([straight, Jet((), c.ranks, bend)], p.shape)


def cross_entropy(call: Call, curvature: Curvature) -> Jet:
    """Y = Σ_c T_c (log Σ eˣ − x_c), per sample or reduced."""
    given = call.named(
        "input", "target", "weight", "size_average", "ignore_index", "reduce", "reduction",
        "label_smoothing",
    )  # fmt: skip
    x = call.only()
    axis = 1 if x.value.dim() > 1 else 0
    T, count = weights_of_targets(x.value, axis, given)
    total = T.sum(axis, keepdim=True)
    found = Softmax.of(x.jet, torch.softmax(x.value, axis), axis)
    slopes = total * found.p - T
    if count is None:
        if call.delta is not None:
            found.curve(total * call.delta.unsqueeze(axis), curvature)
        linear = x.jet.linear(lambda v: (v * slopes).sum(axis + 1))
        bend = (found.variances * total).squeeze(axis + 1)
        return sum_of([linear, Jet((), x.jet.ranks, bend)], call.out.shape)
    weight = total / count
    if call.delta is not None:
        found.curve(weight * call.delta, curvature)
    linear = x.jet.matrix.linear(lambda v: v @ (slopes / count).reshape(-1))
    bend = found.variances.reshape(len(x.jet.ranks), -1) @ weight.reshape(-1)
    return sum_of([linear, Jet((), x.jet.ranks, bend)], ())


def weights_of_targets(x: Tensor, axis: int, given: dict[str, Any]) -> tuple[Tensor, Any]:
    """What each class's −log p weighs in the loss of each sample.

    Args:
        x: The scores, [N, C, ...].
        axis: The classes' axis.
        given: The arguments of torch's cross_entropy by name.

    Returns:
        T, [N, C, ...], and what the sum over the samples is divided by; None for no sum.
    """
    modern(given.get("size_average"), given.get("reduce"))
    y, weight = given["target"], given.get("weight")
    smoothing = given.get("label_smoothing", 0.0)
    shape = [1] * x.dim()
    shape[axis] = -1
    classes = torch.ones_like(x) if weight is None else weight.reshape(shape).expand_as(x)
    even = smoothing / x.shape[axis]
    if y.is_floating_point():
        T, count = (y * (1 - smoothing) + even) * classes, x.numel() / x.shape[axis]
    else:
        y = y.long()  # torch takes bytes too
        known = (y != given.get("ignore_index", -100)).unsqueeze(axis)
        place = y.unsqueeze(axis).where(known, 0)
        own = classes.gather(axis, place) * known
        if smoothing:
            T = (classes * known * even).scatter_add(axis, place, own * (1 - smoothing))
        else:
            T = torch.zeros_like(x).scatter(axis, place, own)
        # Where every target is ignored the loss is 0/0, its derivatives are zero, as torch has it.
        count = own.reshape(-1).sum(0).where(known.any(), 1)
    reduction = given.get("reduction", "mean")
    return T, {"none": None, "sum": 1, "mean": count}[reduction]
