"""Operations that are made of others, written out in those that have a rule.

Legend: N samples, C classes, y targets.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.decompose import FORMULAS as DECOMPOSED
from gnlab.summaries.rules import NoRuleError


def divide(a: Any, b: Any, *, rounding_mode: str | None = None) -> Tensor:
    """a / b."""
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
    """x between 0 and 6."""
    return functional.hardtanh(x, 0.0, 6.0)


def hardswish(x: Tensor, inplace: bool = False) -> Tensor:
    """x times the piecewise linear sigmoid."""
    return x * relu6(x + 3) * (1 / 6)


def mish(x: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus x)."""
    return x * torch.tanh(functional.softplus(x))


def logsigmoid(x: Tensor) -> Tensor:
    """log sigmoid x."""
    return -functional.softplus(-x)


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
    """Cross-entropy of scores [N, C, ...] with class numbers or probabilities; as torch's."""
    axis = 1 if x.dim() > 1 else 0
    log = torch.log_softmax(x, axis)
    shape = [1] * log.dim()
    shape[axis] = -1
    weights = 1.0 if weight is None else weight.reshape(shape)
    if y.is_floating_point():
        target = y * (1 - label_smoothing) + label_smoothing / x.shape[axis]
        each = -(log * (target * weights)).sum(axis)
        return _reduced(each, reduction, each.numel())
    known = y != ignore_index
    place = y.where(known, 0).unsqueeze(axis)
    own = (torch.ones_like(x) * weights).detach().gather(axis, place).squeeze(axis) * known
    loss = -log.gather(axis, place).squeeze(axis) * own
    if label_smoothing:
        smooth = -(log * weights).sum(axis) * known
        loss = loss * (1 - label_smoothing) + smooth * (label_smoothing / x.shape[axis])
    return _reduced(loss, reduction, own.sum())


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
    "cross_entropy": cross_entropy, "nll_loss": nll_loss, "mse_loss": mse_loss,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
}  # fmt: skip
"""The formulas by the operation's plain name."""
