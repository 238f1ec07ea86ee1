"""Operations that are made of others, written out in those that have a rule.

Legend: N samples, C classes, y targets.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.decompose import FORMULAS as DECOMPOSED
from gnlab.summaries.rules.calls import NoRuleError


def divide(a: Any, b: Any, *, rounding_mode: str | None = None) -> Tensor:
    """A / b."""
    if rounding_mode is not None:
        raise NoRuleError("with a rounding mode")
    result: Tensor = a * torch.reciprocal(b) if isinstance(b, Tensor) else a * (1 / b)
    return result


def softmax(x: Tensor, dim: int, *_: Any, **__: Any) -> Tensor:
    """The softmax along a dimension."""
    return torch.exp(torch.log_softmax(x, dim))


def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout by a mask that is drawn as torch draws it."""
    if not training or p == 0:
        return x
    with torch._C.DisableTorchFunction():
        mask = functional.dropout(torch.ones_like(x.detach()), p)
    return x * mask


def addmm(a: Tensor, b: Tensor, c: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β a + α b c."""
    result: Tensor = beta * a + alpha * (b @ c)
    return result


def variance(x: Tensor, dim: Any = None, *_: Any, **more: Any) -> Tensor:
    """The variance along dimensions."""
    dims = tuple(range(x.dim())) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    count = 1
    for d in dims:
        count *= x.shape[d]
    correction = more.get("correction", 1)
    keep = more.get("keepdim", False)
    centred = x - x.mean(dims, keepdim=True)
    result: Tensor = centred.square().sum(dims, keepdim=keep) * (1 / (count - correction))
    return result


def relu6(x: Tensor, inplace: bool = False) -> Tensor:
    """X between 0 and 6."""
    return functional.hardtanh(x, 0.0, 6.0)


def hardswish(x: Tensor, inplace: bool = False) -> Tensor:
    """X times the piecewise linear sigmoid."""
    return x * relu6(x + 3) * (1 / 6)


def mish(x: Tensor, inplace: bool = False) -> Tensor:
    """X tanh(softplus x)."""
    return x * torch.tanh(functional.softplus(x))


def logsigmoid(x: Tensor) -> Tensor:
    """Log sigmoid x."""
    return -functional.softplus(-x)


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
    axis = 1 if log.dim() > 1 else 0
    shape = [1] * log.dim()
    shape[axis] = -1
    weights = 1.0 if weight is None else weight.reshape(shape)
    known = y != ignore_index
    place = y.where(known, 0).unsqueeze(axis)
    own = (torch.ones_like(log) * weights).detach().gather(axis, place).squeeze(axis) * known
    return _reduced(-log.gather(axis, place).squeeze(axis) * own, reduction, own.sum())


def mse_loss(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Squared error; as torch's."""
    if weight is not None:
        raise NoRuleError("with weights")
    each = torch.square(x - y)
    return _reduced(each, reduction, each.numel())


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
    more = 1.0 if pos_weight is None else pos_weight
    each = more * y * functional.softplus(-x) + (1 - y) * functional.softplus(x)
    each = each if weight is None else each * weight
    return _reduced(each, reduction, each.numel())


def l1_loss(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Absolute error; as torch's."""
    if weight is not None:
        raise NoRuleError("with weights")
    each = torch.abs(x - y)
    return _reduced(each, reduction, each.numel())


def huber_loss(
    x: Tensor, y: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Squared error near zero, absolute error beyond; as torch's."""
    if weight is not None:
        raise NoRuleError("with weights")
    error = x - y
    size = torch.abs(error)
    each = torch.where(size <= delta, torch.square(error) * 0.5, (size - 0.5 * delta) * delta)
    return _reduced(each, reduction, each.numel())


def smooth_l1_loss(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """Huber's loss divided by its bound; as torch's."""
    if beta == 0:
        return l1_loss(x, y, reduction=reduction)
    return huber_loss(x, y, reduction, beta) * (1 / beta)


def kl_div(
    x: Tensor, y: Tensor, size_average: object = None, reduce: object = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """Kullback and Leibler's divergence from log-probabilities x; as torch's."""
    each = torch.exp(y) * (y - x) if log_target else torch.xlogy(y, y) - y * x
    if reduction == "batchmean":
        return each.sum() * (1 / each.shape[0])
    return _reduced(each, reduction, each.numel())


def deviation(x: Tensor, dim: Any = None, *_: Any, **more: Any) -> Tensor:
    """The standard deviation along dimensions."""
    return torch.sqrt(variance(x, dim, *_, **more))


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The length of vectors."""
    if ord != 2 or dtype is not None:
        raise NoRuleError("of another order than two")
    dims = tuple(range(x.dim())) if dim is None else dim
    return torch.sqrt(torch.square(x).sum(dims, keepdim=keepdim))


def logsumexp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """Log Σ eˣ along dimensions."""
    top = x.detach().amax(dim, keepdim=True)
    top = torch.where(torch.isfinite(top), top, 0)
    total = torch.log(torch.exp(x - top).sum(dim, keepdim=True)) + top
    dims = {d % x.dim() for d in ([dim] if isinstance(dim, int) else dim)}
    shape = [n for d, n in enumerate(total.shape) if keepdim or d not in dims]
    return total.reshape(shape)


def raised(x: Tensor, base: float) -> Tensor:
    """baseˣ for a number."""
    return torch.exp(x * math.log(base))


def baddbmm(a: Tensor, b: Tensor, c: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β a + α b c, for stacks of matrices."""
    return addmm(a, b, c, beta=beta, alpha=alpha)


def addcmul(a: Tensor, b: Tensor, c: Tensor, *, value: float = 1) -> Tensor:
    """A + v b c."""
    return a + b * c * value


def addcdiv(a: Tensor, b: Tensor, c: Tensor, *, value: float = 1) -> Tensor:
    """A + v b / c."""
    return a + b * torch.reciprocal(c) * value


def larger(a: Tensor, b: Tensor) -> Tensor:
    """The larger of a and b, their mean where they are equal, as torch's backward pass has it."""
    share = (a > b).to(a.dtype) + 0.5 * (a == b).to(a.dtype)
    return torch.where(share == 0.5, 0.5 * (a + b), torch.where(share > 0, a, b))


def smaller(a: Tensor, b: Tensor) -> Tensor:
    """The smaller of a and b, likewise."""
    return -larger(-a, -b)


def _reduced(each: Tensor, reduction: str, count: Any) -> Tensor:
    """A loss's values as its reduction has them."""
    if reduction == "none":
        return each
    total = each.sum()
    return total if reduction == "sum" else total * (1 / count)


FORMULAS: Mapping[str, Callable[..., Any]] = {
    **{
        func.__name__: formula
        for func, formula in DECOMPOSED.items()
        if func.__name__ not in ("embedding", "embedding_bag")
    },
    "div": divide, "softmax": softmax, "dropout": dropout, "addmm": addmm, "var": variance,
    "relu6": relu6, "hardswish": hardswish, "mish": mish, "logsigmoid": logsigmoid,
    "nll_loss": nll_loss, "mse_loss": mse_loss, "l1_loss": l1_loss, "huber_loss": huber_loss,
    "smooth_l1_loss": smooth_l1_loss, "kl_div": kl_div, "std": deviation,
    "linalg_vector_norm": vector_norm, "logsumexp": logsumexp, "rpow": raised,
    "baddbmm": baddbmm, "addcmul": addcmul, "addcdiv": addcdiv, "maximum": larger,
    "minimum": smaller,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
}  # fmt: skip
"""The formulas by the operation's plain name."""
