"""Losses of margins, of distances and of likelihoods, written out; their arguments are torch's."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.rules.calls import CaseError
from gnlab.summaries.rules.reduced import alike, modern, reduced


def margin_ranking_loss(
    x: Tensor, z: Tensor, y: Tensor, margin: float = 0, size_average: object = None,
    reduce: object = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """By how much a pair is in the wrong order; as torch's."""
    modern(size_average, reduce)
    if not x.dim() == z.dim() == y.dim():
        raise CaseError("of tensors of different dimensions")
    return reduced((-y * (x - z) + margin).clamp_min(0), reduction)


def hinge_embedding_loss(
    x: Tensor, y: Tensor, margin: float = 1.0, size_average: object = None,
    reduce: object = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """X itself where y is 1, what it lacks of the margin where y is -1; as torch's."""
    modern(size_average, reduce)
    far = torch.where(y != 1, (margin - x).clamp_min(0), 0)
    return reduced(far + torch.where(y != -1, x, 0), reduction)


def soft_margin_loss(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Log(1 + e⁻ʸˣ); as torch's."""
    modern(size_average, reduce)
    alike(x, y)
    return reduced(torch.log1p(torch.exp(-x * y)), reduction)


def poisson_nll_loss(
    x: Tensor, y: Tensor, log_input: bool = True, full: bool = False, size_average: object = None,
    eps: float = 1e-8, reduce: object = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Poisson's negative log-likelihood of counts; as torch's."""
    modern(size_average, reduce)
    each = torch.exp(x) - y * x if log_input else x - y * torch.log(x + eps)
    if full:
        rest = y * torch.log(y) - y + 0.5 * torch.log(2 * math.pi * y)
        each = each + rest.masked_fill(y <= 1, 0)
    return reduced(each, reduction)


def gaussian_nll_loss(
    x: Tensor, y: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Gauss's negative log-likelihood; a variance below eps counts as eps but keeps its slope."""
    if x.shape[:-1] == var.shape != x.shape:
        var = var.unsqueeze(-1)
    if var.shape not in (x.shape, (*x.shape[:-1], 1)) or bool((var < 0).any()):
        raise CaseError("with such a variance")  # torch may refuse it
    there = var.detach()
    var = there.clamp(min=eps) + (var - there)
    each = 0.5 * (torch.log(var) + (x - y) ** 2 / var)
    return reduced(each + 0.5 * math.log(2 * math.pi) if full else each, reduction)


def triplet_margin_loss(
    anchor: Tensor, near: Tensor, far: Tensor, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, swap: bool = False, size_average: object = None, reduce: object = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """How much farther the far should be than the near; as torch's."""
    modern(size_average, reduce)
    if not anchor.dim() == near.dim() == far.dim():
        raise CaseError("of tensors of different dimensions")
    towards = functional.pairwise_distance(anchor, near, p, eps)
    away = functional.pairwise_distance(anchor, far, p, eps)
    if swap:
        away = torch.minimum(away, functional.pairwise_distance(near, far, p, eps))
    return reduced((margin + towards - away).clamp_min(0), reduction)


def cosine_embedding_loss(
    x: Tensor, z: Tensor, y: Tensor, margin: float = 0, size_average: object = None,
    reduce: object = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cosine where y is 1, the cosine beyond the margin where y is -1; as torch's."""
    modern(size_average, reduce)
    if y.dim() > 1 or not x.dim() == z.dim() == y.dim() + 1:
        raise CaseError("of tensors of different dimensions")
    squares = [torch.square(v).sum(y.dim()) + 1e-12 for v in (x, z)]
    cosine = (x * z).sum(y.dim()) / torch.sqrt(squares[0] * squares[1])
    apart = torch.where(y == -1, (cosine - margin).clamp_min(0), 0)
    return reduced(torch.where(y == 1, 1 - cosine, 0) + apart, reduction)


FORMULAS: Mapping[str, Callable[..., Tensor]] = {
    "margin_ranking_loss": margin_ranking_loss, "hinge_embedding_loss": hinge_embedding_loss,
    "soft_margin_loss": soft_margin_loss, "poisson_nll_loss": poisson_nll_loss,
    "gaussian_nll_loss": gaussian_nll_loss, "triplet_margin_loss": triplet_margin_loss,
    "cosine_embedding_loss": cosine_embedding_loss,
}  # fmt: skip
"""The formulas by the loss's name."""
