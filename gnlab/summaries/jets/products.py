"""Products of rows, as they add up to H̄.

Legend: S groups, k and l rows.
"""

import functools

import torch
from torch import Tensor

from gnlab.summaries import fused

_PART, _WIDE = 4096, 256  # numbers of a row that are summed in one go, and rows that fill a GPU
_BLOCK = 256  # rows and columns of a large matrix turned at once; on a GPU eight times that


def products(a: Tensor, b: Tensor) -> Tensor:
    """The product of each row of a matrix with each row of another, [k, n], [l, n] -> [k, l]."""
    if fused.multiplies(a, b):
        return fused.sums(a, b)
    parts = _parts_of(a, b)
    if parts == 1:
        return a @ b.T
    left = a.reshape(len(a), parts, -1).transpose(0, 1)
    return torch.bmm(left, b.reshape(len(b), parts, -1).permute(1, 2, 0)).sum(0)


def _parts_of(a: Tensor, b: Tensor) -> int:
    """Into how many parts to divide the rows of a product.

    A sum of hundreds of thousands of numbers, one after the other, loses a digit that the sum of
    its parts keeps. A GPU's library divides sums among few of its cores. Of more rows than that
    the sums of all parts would take memory.
    """
    few = len(a) <= _WIDE and (a.is_cuda or len(b) <= _WIDE)
    return _divided(a.shape[1]) if few else 1


@functools.lru_cache(maxsize=1024)
def _divided(n: int) -> int:
    """Into how many parts of some thousand numbers each a long row can be divided."""
    least = n // _PART
    return next((parts for parts in range(least, 2 * least) if n % parts == 0), 1) if least else 1


def along(rows: Tensor, vector: Tensor) -> Tensor:
    """The product of each row of a matrix with a vector, [k, n], [n] -> [k]."""
    if rows.is_cuda and fused.multiplies(rows, vector[None]):
        return fused.sums(rows, vector[None])[:, 0]
    return rows @ vector


def dots(a: Tensor, b: Tensor) -> Tensor:
    """The product of each row of a matrix with the same row of another, [k, n] -> [k]."""
    # A batched product of matrices says the same, thirty times as slowly.
    result: Tensor = torch.linalg.vecdot(a, b)
    return result


def made_symmetric(H: Tensor) -> Tensor:
    """The mean of a square matrix and its transpose, in the matrix's own memory, [S, S]."""
    n, size = len(H), _BLOCK if H.device.type == "cpu" else 8 * _BLOCK
    for a in range(0, n, size):
        for b in range(a, n, size):
            above, below = H[a : a + size, b : b + size], H[b : b + size, a : a + size]
            mean = (above + below.mT).div_(2)
            above.copy_(mean)
            below.copy_(mean.mT)
    return H
