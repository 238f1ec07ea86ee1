"""Norms and distances by their formula: torch's own have no second derivative at zero.

There the norm is zero with no derivative of any order, as torch has it for the first. Of distances
between all points (cdist, pdist) torch has no third derivative anywhere.

Legend: N and M points, E their coordinates.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
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


def linalg_norm(
    input: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, **more: Any
) -> Tensor:
    """The norm of a vector or a matrix; arguments as torch's."""
    one = isinstance(dim, int) or (dim is not None and len(dim) == 1) or (ord and input.dim() == 1)
    if ord in (None, "fro") or (one and ord == 2):
        return vector_norm(input, 2, dim, keepdim, **more)
    other: Tensor = torch.linalg.norm(input, ord, dim, keepdim, **more)
    return other


def matrix_norm(
    input: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, **more: Any
) -> Tensor:
    """The norm of matrices; arguments as torch's."""
    if ord == "fro":
        return vector_norm(input, 2, dim, keepdim, **more)
    other: Tensor = torch.linalg.matrix_norm(input, ord, dim, keepdim, **more)
    return other


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The norm of a difference; arguments as torch's."""
    return vector_norm(input - other, p)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The distance of each point from its partner; arguments as torch's."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The distances of points [..., N, E] from others [..., M, E]; arguments as torch's."""
    return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The distances of points [N, E] from one another; arguments as torch's."""
    one, two = torch.triu_indices(len(input), len(input), 1, device=input.device)
    return vector_norm(input[one] - input[two], p, -1)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors, each at least ε long; arguments as torch's."""
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x, y = x1.expand(shape), x2.expand(shape)
    lengths = (torch.clamp(vector_norm(v, 2, dim, True), min=eps) for v in (x, y))
    a, b = (v / length for v, length in zip((x, y), lengths, strict=True))
    return (a * b).sum(dim)


FORMULAS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.linalg.vector_norm: vector_norm,
    torch.linalg.norm: linalg_norm,
    torch.linalg.matrix_norm: matrix_norm,
    torch.norm: norm,
    Tensor.norm: norm,
    functional.normalize: normalize,
    torch.dist: dist,
    Tensor.dist: dist,
    functional.pairwise_distance: pairwise_distance,
    torch.cdist: cdist,
    functional.pdist: pdist,
    functional.cosine_similarity: cosine_similarity,
}
