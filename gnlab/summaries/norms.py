"""Euclidean norms by their formula: torch's own have no second derivative at zero.

There the norm is zero with no derivative of any order, as torch has it for the first.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def root(x: Tensor) -> Tensor:
    """√x; at zero it is zero with no derivative, as torch has it for norms."""
    zero = x == 0
    return torch.sqrt(x.masked_fill(zero, 1)).masked_fill(zero, 0)


def _euclidean(x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    """The root of a sum of squares, over all dimensions if none is given."""
    dims = tuple(range(x.dim())) if dim is None or dim in ((), []) else dim
    return root(x.square().sum(dims, keepdim=keepdim)) if x.dim() else root(x.square())


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, **more: Any
) -> Tensor:
    """The norm of vectors; arguments as torch's."""
    if ord != 2 or any(v is not None for v in more.values()) or not x.is_floating_point():
        other: Tensor = torch.linalg.vector_norm(x, ord, dim, keepdim, **more)
        return other
    return _euclidean(x, dim, keepdim)


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False,
    out: Tensor | None = None, dtype: torch.dtype | None = None,
) -> Tensor:  # fmt: skip
    """The norm of vectors, or Frobenius's; arguments as torch's."""
    if p not in ("fro", None, 2) or out is not None or dtype or not input.is_floating_point():
        other: Tensor = torch.norm(input, p, dim, keepdim, out, dtype)
        return other
    return _euclidean(input, dim, keepdim)


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Vectors divided by their norm; arguments as torch's."""
    if p != 2 or out is not None:
        return functional.normalize(input, p, dim, eps, out)
    return input / vector_norm(input, 2, dim, True).clamp_min(eps).expand_as(input)
