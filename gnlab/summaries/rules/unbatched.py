"""Layers of a single sample, which torch takes without a dimension of samples.

Legend: C channels.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional

_LAYERS = ("conv", "conv_transpose", "avg_pool", "adaptive_avg_pool")


def is_single(name: str, x: Tensor) -> bool:
    """Whether a layer of one to three dimensions is given one sample, [C, ...]."""
    return x.dim() == int(name[-2]) + 1


def as_batch(layer: Callable[..., Tensor], x: Tensor, *args: Any, **options: Any) -> Tensor:
    """A layer of one sample, as that of a batch of one."""
    return layer(x.unsqueeze(0), *args, **options).squeeze(0)


FORMULAS: Mapping[str, Callable[..., Any]] = {
    f"{layer}{d}d": functools.partial(as_batch, getattr(functional, f"{layer}{d}d"))
    for layer in _LAYERS
    for d in (1, 2, 3)
}
"""The formulas by the operation's plain name."""
