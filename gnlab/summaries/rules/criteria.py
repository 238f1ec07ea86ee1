"""Losses written out in operations that have a rule; their arguments are torch's.

Legend: N samples, C classes, x scores or predictions, y targets.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.formulas.entropy import entropies
from gnlab.summaries.rules import margins
from gnlab.summaries.rules.calls import CaseError
from gnlab.summaries.rules.reduced import alike, modern, reduced


def nll_loss(
    log: Tensor,
    y: Tensor,
    weight: Tensor | None = None,
    size_average: object = None,
    ignore_index: int = -100,
    reduce: object = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of class numbers; as torch's."""
    modern(size_average, reduce)
    axis = 1 if log.dim() > 1 else 0
    shape = [1] * log.dim()
    shape[axis] = -1
    weights = 1.0 if weight is None else weight.reshape(shape)
    y = y.long()  # torch takes bytes too
    known = y != ignore_index
    place = y.where(known, 0).unsqueeze(axis)
    picked = torch.where(known, log.gather(axis, place).squeeze(axis), 0.0)
    own = (torch.ones_like(log) * weights).detach().gather(axis, place).squeeze(axis) * known
    if reduction != "mean":
        return reduced(-picked * own, reduction)
    # Where every target is ignored the loss is 0/0, its derivatives are zero, as torch has it.
    some = known.any()
    mean = (-picked * own).sum() / own.sum().where(some, 1)
    return mean + torch.zeros_like(mean.detach()).where(some, math.nan)


def cross_entropy(
    x: Tensor,
    y: Tensor,
    weight: Tensor | None = None,
    size_average: object = None,
    ignore_index: int = -100,
    reduce: object = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy with probabilities that depend on the parameters too; as torch's."""
    modern(size_average, reduce)
    axis = 1 if x.dim() > 1 else 0
    classes = x.shape[axis]
    each = -torch.log_softmax(x, axis) * (y * (1 - label_smoothing) + label_smoothing / classes)
    if weight is not None:
        each = each * weight.reshape(-1, *[1] * (x.dim() - 1 - axis))
    total = each.sum(axis)
    return total.sum() / total.numel() if reduction == "mean" else reduced(total, reduction)


def mse_loss(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Squared error; as torch's."""
    modern(size_average, reduce)
    if weight is not None:
        raise CaseError("with weights")
    each = torch.square(x - y)
    return reduced(each, reduction)


def binary_cross_entropy_with_logits(
    x: Tensor,
    y: Tensor,
    weight: Tensor | None = None,
    size_average: object = None,
    reduce: object = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of scores; as torch's."""
    modern(size_average, reduce)
    alike(x, y)
    more = 1.0 if pos_weight is None else pos_weight
    each = -(more * y * functional.logsigmoid(x) + (1 - y) * functional.logsigmoid(-x))
    each = each if weight is None else each * weight
    return reduced(each, reduction)


def binary_cross_entropy(
    x: Tensor, y: Tensor, weight: Tensor | None = None, size_average: object = None,
    reduce: object = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Binary cross-entropy of probabilities, whose logarithm is -100 at least; as torch's."""
    modern(size_average, reduce)
    alike(x, y)
    each = entropies(x, y, weight)
    return reduced(each, reduction)


def l1_loss(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Absolute error; as torch's."""
    modern(size_average, reduce)
    if weight is not None:
        raise CaseError("with weights")
    each = torch.abs(x - y)
    return reduced(each, reduction)


def huber_loss(
    x: Tensor, y: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Squared error near zero, absolute error beyond; as torch's."""
    if weight is not None:
        raise CaseError("with weights")
    error = x - y
    size = torch.abs(error)
    each = torch.where(size < delta, torch.square(error) * 0.5, (size - 0.5 * delta) * delta)
    return reduced(each, reduction)


def smooth_l1_loss(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """Huber's loss divided by its bound; as torch's."""
    modern(size_average, reduce)
    if beta == 0:
        return l1_loss(x, y, reduction=reduction)
    return huber_loss(x, y, reduction, beta) * (1 / beta)


def kl_div(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """Kullback and Leibler's divergence from log-probabilities x; as torch's."""
    modern(size_average, reduce)
    each = torch.exp(y) * (y - x) if log_target else torch.xlogy(y, y) - y * x
    if reduction == "batchmean":
        return each.sum() / each.shape[0]
    return reduced(each, reduction)


FORMULAS: Mapping[str, Callable[..., Any]] = {
    "nll_loss": nll_loss, "cross_entropy": cross_entropy, "mse_loss": mse_loss,
    "l1_loss": l1_loss, "huber_loss": huber_loss, "smooth_l1_loss": smooth_l1_loss,
    "kl_div": kl_div, "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits, **margins.FORMULAS,
}  # fmt: skip
"""The formulas by the loss's name."""
