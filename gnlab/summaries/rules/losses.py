"""Jets through the softmax and its cross-entropy, by their cumulants.

With p = softmax(x) and E the mean under p, log Σ eˣ has the first derivative E[V], the second
E[C²] with C = V − E[V] (a covariance) and the third E[C³].

Legend: N samples, C classes, T targets' weights [N, C, ...], k groups that have reached x.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.curvature import Curvature, dots
from gnlab.summaries.jets import Jet, rows_of, sum_of
from gnlab.summaries.rules.calls import Call, NoRuleError
from gnlab.summaries.rules.criteria import modern


@dataclass(frozen=True, slots=True, eq=False)
class Softmax:
    """The jet of x under the mean of softmax(x) along an axis.

    Attributes:
        p: softmax(x).
        axis: The axis, not negative.
        means: E[V] and E[W] of all rows, with the axis kept.
        centred: V − E[V] and W − E[W]: where p is nearly one, raw moments would cancel.
        variances: E[(V − E[V])²], with the axis kept.
    """

    p: Tensor
    axis: int
    means: Jet
    centred: Jet
    variances: Tensor

    @classmethod
    def of(cls, jet: Jet, p: Tensor, axis: int) -> "Softmax":
        """The moments of a jet."""
        means = jet.linear(lambda v: (v * p).sum(axis + 1, keepdim=True))
        centred = Jet(jet.ranks, jet.bent, jet.values - means.values)
        variances = (centred.first * centred.first * p).sum(axis + 1, keepdim=True)
        return cls(p, axis, means, centred, variances)

    def normaliser(self) -> Jet:
        """The jet of log Σ eˣ, the axis kept."""
        bend = Jet((), self.centred.ranks, self.variances)
        return sum_of([self.means, bend], self.means.values.shape[1:])

    def curve(self, weight: Tensor, curvature: Curvature) -> None:
        """Add the curvature of Σ weight · log Σ eˣ, the axis kept in weight."""
        c, rows = self.centred, self.centred.matrix
        weighted = (c.first * (self.p * weight)).reshape(len(c.ranks), -1)
        curvature.within(c.ranks, weighted @ rows.first.T)
        curvature.pure(c.ranks, dots(weighted, rows.first * rows.first))
        if c.bent:
            curvature.pure(c.bent, dots(rows_of(c.ranks, weighted, c.bent), rows.second), 3)


def log_softmax(call: Call, curvature: Curvature) -> Jet:
    """Y = x − log Σ eˣ."""
    x = call.only()
    dim = call.named("input", "dim").get("dim")
    if dim is None or call.out.dtype != x.value.dtype:
        raise NoRuleError("without a dimension, or with a dtype")
    axis = dim % max(call.out.dim(), 1)
    found = Softmax.of(x.jet, torch.exp(call.out), axis)
    if call.delta is not None:
        found.curve(-call.delta.sum(axis, keepdim=True), curvature)
    normaliser = found.normaliser().linear(torch.neg)
    return sum_of([x.jet, normaliser], call.out.shape)


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
    if call.delta is not None:
        each = call.delta if count is None else call.delta / count
        each = each.unsqueeze(axis) if count is None else each
        found.curve(total * each, curvature)
    normaliser = found.normaliser().scaled(total)
    own = x.jet.linear(lambda v: (v * T).sum(axis + 1, keepdim=True).neg())
    y = sum_of([normaliser, own], total.shape)
    if count is None:
        return y.linear(lambda v: v.squeeze(axis + 1))
    return y.linear(lambda v: v.reshape(len(v), -1).sum(1) / count)


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
        known = (y != given.get("ignore_index", -100)).unsqueeze(axis)
        place = y.unsqueeze(axis).where(known, 0)
        own = classes.gather(axis, place) * known
        T = (classes * known * even).scatter_add(axis, place, own * (1 - smoothing))
        count = own.sum()
    reduction = given.get("reduction", "mean")
    return T, {"none": None, "sum": 1, "mean": count}[reduction]
