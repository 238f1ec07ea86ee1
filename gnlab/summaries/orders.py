"""Derivatives of any order along groups, which may take long: shown while it does.

A derivative's graph is two to three times as large as that of the order below, in time and memory,
and of each order d there are about S^(d−1)/(d−1)! passes. Ctrl-C ends it after the running pass.

Legend: S groups, d the order.
"""

import math

import torch
from torch import Tensor
from tqdm import tqdm

from gnlab.errors import InputError
from gnlab.summaries.autodiff import Along, Field
from gnlab.summaries.chunks import free_memory

_GROWTH = 2.5
"""How much longer a pass takes than one of the order below, about."""
_DELAY = 5.0  # seconds after which it is shown how far it is
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def tensor_of_order(f: Field, along: Along, order: int) -> Tensor:
    """D^(d) of any order d ≥ 1 from the gradient's graph, by rank.

    Args:
        f: ∇L, with its graph.
        along: The direction.
        order: d.

    Returns:
        The symmetric tensor, in float64, [S]*d.

    Raises:
        InputError: If there is no memory for the passes of the next order.
    """
    size = along.groups.size
    result = along.entries({}).new_zeros([size] * order)
    deepest = 0

    def fill(prefix: tuple[int, ...], field: Field) -> None:
        """Set every entry whose index is sorted and starts with ``prefix``."""
        nonlocal deepest
        last, done = prefix[-1] if prefix else 0, len(prefix)
        if done == order - 1:
            result[prefix][last:] = along.entries(field)[last:]
            return
        for r in range(last, size):
            targets, more, first = along.groups.reach[r], done + 2 < order, done == deepest
            before = free_memory(result.device) if more and first else 0.0
            below = along.derivative(field, r, targets, graph=more)
            if more and first:
                _check_room(done + 2, before, free_memory(result.device))
            deepest = max(deepest, done + 1)
            bar.update(_GROWTH**done)
            fill((*prefix, r), below)

    with tqdm(
        total=_work(size, order), desc=f"derivatives of order {order}", bar_format=_BAR,
        delay=_DELAY, miniters=0, leave=False,
    ) as bar:  # fmt: skip
        fill((), f)
    every = torch.cartesian_prod(*[torch.arange(size, device="cpu")] * order).reshape(-1, order)
    return result[tuple(every.sort(1).values.T)].reshape(result.shape)


def _work(size: int, order: int) -> float:
    """The passes of all orders, each by what it takes."""
    return sum(math.comb(size + k, k + 1) * _GROWTH**k for k in range(order - 1))


def _check_room(order: int, before: float, now: float) -> None:
    """Raise if the next order's passes would take more memory than there is.

    Args:
        order: The order of the pass that was made.
        before: The free memory before it, in bytes.
        now: That after it.

    Raises:
        InputError: If so.
    """
    if _GROWTH * (before - now) > now:
        raise InputError(
            f"order must be at most {order}: its derivatives have taken "
            f"{(before - now) / 2**30:.1f} GiB, those of order {order + 1} would take more than "
            f"is free, {now / 2**30:.1f} GiB; or give fewer samples."
        )
