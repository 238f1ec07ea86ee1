"""Norms, moments and extremes along dimensions, written out in operations that have a rule."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.formulas.norms import root
from gnlab.summaries.rules.calls import CaseError, dims_of


def moments(x: Tensor, *given: Any, **more: Any) -> tuple[Tensor, Tensor]:
    """The variance and the mean along dimensions; arguments as torch's."""
    # (dim, unbiased, keepdim) and (unbiased) are older forms of (dim, *, correction, keepdim).
    given = (None, *given) if given and isinstance(given[0], bool) else given
    more = dict(zip(("dim", "unbiased", "keepdim"), given, strict=False)) | more
    correction = more.pop("correction", None)
    if correction is None:
        correction = int(more.pop("unbiased", True))
    keepdim, dims = more.pop("keepdim", False), dims_of(x, more.pop("dim", None))
    if more:
        raise CaseError("with unusual arguments")
    mean = x.mean(dims, keepdim=True)
    count = max(math.prod(x.shape[d] for d in dims) - correction, 0)
    variance = (x - mean).square().sum(dims, keepdim=keepdim) / count
    return variance, mean.reshape(variance.shape)


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of vectors, of a number for an order."""
    if not isinstance(ord, (int, float)) or ord == 0:
        raise CaseError("of an unusual order")
    if dtype is not None:
        raise CaseError("with a dtype")
    dims = dims_of(x, dim)
    if math.isinf(ord):
        return (torch.amax if ord > 0 else torch.amin)(torch.abs(x), dims, keepdim)
    if ord == 2:
        return root(torch.square(x).sum(dims, keepdim=keepdim))
    if ord == 1:
        return torch.abs(x).sum(dims, keepdim=keepdim)
    total = torch.pow(torch.abs(x), ord).sum(dims, keepdim=keepdim)
    return torch.pow(total, 1 / ord)


def linalg_norm(
    x: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of a vector, or Frobenius's of a matrix."""
    dims = dims_of(x, dim)
    if ord not in (None, "fro") and (len(dims) > 1 or (dim is None and x.dim() != 1)):
        raise CaseError("of a matrix")
    order = 2 if ord in (None, "fro") else ord
    return vector_norm(x, order, dims, keepdim, dtype=dtype)


def matrix_norm(
    x: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Frobenius's norm of matrices."""
    if ord != "fro":
        raise CaseError("of an unusual order")
    return vector_norm(x, 2, dim, keepdim, dtype=dtype)


def logsumexp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """Log Σ eˣ along dimensions."""
    with torch._C.DisableTorchFunction():
        top = x.detach().amax(dim, keepdim=True)
        top = torch.where(torch.isfinite(top), top, 0)
    total = torch.log(torch.exp(x - top).sum(dim, keepdim=True)) + top
    dims = {d % x.dim() for d in ([dim] if isinstance(dim, int) else dim)}
    shape = [n for d, n in enumerate(total.shape) if keepdim or d not in dims]
    return total.reshape(shape)


def extreme(name: str) -> Callable[..., Any]:
    """Torch's ``max`` or ``min``: of all, of two tensors, or along one dimension."""
    whole, two = {
        "max": (torch.amax, torch.maximum),
        "min": (torch.amin, torch.minimum),
    }[name]
    method, result = getattr(torch, name), getattr(torch.return_types, name)

    def find(x: Tensor, *given: Any, **more: Any) -> Any:
        options = dict(zip(("dim", "keepdim"), given, strict=False)) | more
        if not options:
            return whole(x)
        other = options.get("other", options.get("dim"))
        if isinstance(other, Tensor):
            return two(x, other)
        with torch._C.DisableTorchFunction():
            places = method(x.detach(), options["dim"], keepdim=True)[1]
        values = x.gather(options["dim"], places)
        if not options.get("keepdim", False):
            values, places = values.squeeze(options["dim"]), places.squeeze(options["dim"])
        return result((values, places))

    return find


def prod(
    x: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor:
    """The product of all, or along a dimension, factor by factor."""
    x = x if dtype is None else x.to(dtype)
    factors = (x.reshape(-1) if dim is None else x).unbind(0 if dim is None else dim)
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result.unsqueeze(dim) if keepdim and dim is not None else result


def greatest_pooled(kind: str, dims: int, *, with_places: bool) -> Callable[..., Any]:
    """Torch's pooling by the maximum in so many dimensions, with the values' places or without.

    Args:
        kind: "max_pool" or "adaptive_max_pool".
        dims: One to three.
        with_places: Whether the places are returned too.

    Returns:
        The pooling; arguments as torch's.
    """
    own = getattr(functional, f"{kind}{dims}d_with_indices")

    def pooled(x: Tensor, *windows: Any, return_indices: Any = None, **more: Any) -> Any:
        with torch._C.DisableTorchFunction():
            places = own(x.detach(), *windows, **more)[1]
        values = x.flatten(-dims).gather(-1, places.flatten(-dims)).reshape(places.shape)
        return (values, places) if with_places else values

    return pooled


def variance(*args: Any, **more: Any) -> Tensor:
    """The variance; arguments as torch's."""
    return moments(*args, **more)[0]


def deviation(*args: Any, **more: Any) -> Tensor:
    """The standard deviation; arguments as torch's."""
    return root(variance(*args, **more))


def deviation_and_mean(*args: Any, **more: Any) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean; arguments as torch's."""
    found, mean = moments(*args, **more)
    return root(found), mean


FORMULAS: Mapping[str, Callable[..., Any]] = {
    "var": variance, "std": deviation, "var_mean": moments, "std_mean": deviation_and_mean,
    "linalg_vector_norm": vector_norm, "linalg_norm": linalg_norm,
    "linalg_matrix_norm": matrix_norm,
    "logsumexp": logsumexp, "max": extreme("max"), "min": extreme("min"), "prod": prod,
    **{
        f"adaptive_max_pool{d}d": greatest_pooled("adaptive_max_pool", d, with_places=False)
        for d in (1, 2, 3)
    },
    **{
        f"{kind}{d}d_with_indices": greatest_pooled(kind, d, with_places=True)
        for kind in ("max_pool", "adaptive_max_pool")
        for d in (1, 2, 3)
    },
}  # fmt: skip
"""The formulas by the operation's plain name."""
