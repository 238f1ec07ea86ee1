"""Tensors put together, and products and differences along them, in operations that have a rule."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.rules.calls import CaseError


def _several(tensors: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Tensors that are given one by one or as a list."""
    return tuple(tensors[0] if isinstance(tensors[0], (tuple, list)) else tensors)


def at_least(dims: int) -> Callable[..., Any]:
    """Torch's ``atleast_1d``, ``atleast_2d`` or ``atleast_3d``."""

    def each(x: Tensor) -> Tensor:
        if x.dim() >= dims:
            return x
        shape = [*[1] * (dims > 1 and x.dim() < 2), *x.shape]
        return x.reshape(*shape, *[1] * (dims - len(shape)))

    def raised(*tensors: Any) -> Any:
        one = len(tensors) == 1 and isinstance(tensors[0], Tensor)
        return each(tensors[0]) if one else tuple(map(each, _several(tensors)))

    return raised


def hstack(tensors: Any) -> Tensor:
    """Tensors side by side."""
    given = at_least(1)(tuple(tensors))
    return torch.cat(given, min(given[0].dim() - 1, 1))


def vstack(tensors: Any) -> Tensor:
    """Tensors below each other."""
    return torch.cat(at_least(2)(tuple(tensors)), 0)


def dstack(tensors: Any) -> Tensor:
    """Tensors behind each other."""
    return torch.cat(at_least(3)(tuple(tensors)), 2)


def column_stack(tensors: Any) -> Tensor:
    """Vectors and matrices as columns."""
    return torch.cat([t.reshape(-1, 1) if t.dim() < 2 else t for t in tensors], 1)


def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal of a larger one."""
    given = at_least(2)(_several(tensors))
    if any(t.dim() > 2 for t in given):
        raise CaseError("of more than matrices")
    before, width, rows = 0, sum(t.shape[1] for t in given), []
    for t in given:
        rows.append(functional.pad(t, (before, width - before - t.shape[1])))
        before += t.shape[1]
    return torch.cat(rows)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors as coordinates of a grid."""
    given = _several(tensors)
    if indexing not in ("ij", "xy") or any(t.dim() > 1 for t in given):
        raise CaseError("with unusual arguments")
    turned = indexing == "xy" and len(given) > 1
    order = [1, 0, *range(2, len(given))] if turned else [*range(len(given))]
    shape = [given[k].numel() for k in order]
    own = [[-1 if at == k else 1 for at in order] for k in range(len(given))]
    return tuple(t.reshape(one).expand(shape) for t, one in zip(given, own, strict=True))


def sum_to_size(x: Tensor, *size: Any) -> Tensor:
    """The sum over what another shape does not have."""
    shape = tuple(size[0] if isinstance(size[0], (tuple, list)) else size)
    more = x.dim() - len(shape)
    over = [d for d in range(x.dim()) if d < more or shape[d - more] == 1 != x.shape[d]]
    result = x.sum(over, keepdim=True) if over else x
    if more < 0 or result.shape[more:] != shape:
        raise CaseError("with an unusual shape")
    return result.reshape(shape)


def diff(
    x: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Differences of neighbours along a dimension, n times."""
    whole = [t for t in (prepend, x, append) if t is not None]
    x = torch.cat(whole, dim) if len(whole) > 1 else x.clone()
    for _ in range(min(n, x.shape[dim])):
        left = x.shape[dim] - 1
        x = x.narrow(dim, 1, left) - x.narrow(dim, 0, left)
    return x


def cumprod(x: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Tensor:
    """The products of all entries up to each, along a dimension."""
    x = x if dtype is None else x.to(dtype)
    if not x.dim():
        return x.clone()
    found: list[Tensor] = []
    for factor in x.unbind(dim):
        found.append(found[-1] * factor if found else factor)
    return torch.stack(found, dim)


def cross(x: Tensor, y: Tensor, dim: int | None = None) -> Tensor:
    """The cross product of vectors along a dimension."""
    if dim is None or x.dim() != y.dim() or not x.shape[dim] == y.shape[dim] == 3:
        raise CaseError("along an unusual dimension")
    return x.roll(-1, dim) * y.roll(-2, dim) - x.roll(-2, dim) * y.roll(-1, dim)


def linalg_cross(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors, along the last dimension if no other is given."""
    return cross(x, y, dim)


def kron(x: Tensor, y: Tensor) -> Tensor:
    """Kronecker's product."""
    dims = max(x.dim(), y.dim())
    one, two = [[1] * (dims - v.dim()) + list(v.shape) for v in (x, y)]
    product = x.reshape([n for m in one for n in (m, 1)]) * y.reshape(
        [n for m in two for n in (1, m)]
    )
    return product.reshape([m * n for m, n in zip(one, two, strict=True)])


def logaddexp(x: Tensor, y: Tensor) -> Tensor:
    """Log(eˣ + eʸ)."""
    if x.dtype != y.dtype:
        raise CaseError("of different precision")
    # Torch declares no types for it.
    both = torch.broadcast_tensors(x, y)  # type: ignore[no-untyped-call]
    return torch.logsumexp(torch.stack(both), 0)


FORMULAS: Mapping[str, Callable[..., Any]] = {
    **{f"atleast_{dims}d": at_least(dims) for dims in (1, 2, 3)},
    "hstack": hstack, "vstack": vstack, "dstack": dstack, "column_stack": column_stack,
    "block_diag": block_diag, "meshgrid": meshgrid, "sum_to_size": sum_to_size, "diff": diff,
    "cumprod": cumprod, "cross": cross, "linalg_cross": linalg_cross, "kron": kron,
    "logaddexp": logaddexp,
}  # fmt: skip
"""The formulas by the operation's plain name."""
