"""Rows of tables, and sums of them, by their formula: torch's bags have no second derivative.

Legend: E features, K bags.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.errors import InputError


def embedding(
    tokens: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table; arguments as torch's. The padding row is a constant, as in torch."""
    if scale_grad_by_freq:
        raise InputError(
            "embedding with scale_grad_by_freq=True has no summary: its gradient is not the "
            "derivative of any loss. Set it to False."
        )
    # Rows beyond max_norm are shortened in place, which a summary must not do to a parameter.
    table = weight if max_norm is None else weight.clone()
    return functional.embedding(tokens, table, padding_idx, max_norm, norm_type)


def embedding_bag(
    tokens: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums or means of K bags of rows, [K, E]; arguments as torch's."""
    if mode == "max":
        raise InputError(
            "embedding_bag with mode='max' has no second derivative in torch; "
            "use nn.Embedding and a maximum over each bag."
        )
    rows = embedding(
        tokens.reshape(-1), weight, padding_idx, max_norm, norm_type, scale_grad_by_freq
    )
    if offsets is None:
        bags, bag = tokens.shape[0], torch.arange(tokens.numel(), device=tokens.device)
        bag = bag // max(tokens.shape[1], 1)
    else:
        starts = offsets[:-1] if include_last_offset else offsets
        bags, positions = len(starts), torch.arange(tokens.numel(), device=tokens.device)
        bag = torch.bucketize(positions, starts.to(positions.dtype), right=True) - 1
    kept = torch.ones_like(rows[:, :1])
    if padding_idx is not None:
        kept = (tokens.reshape(-1, 1) != padding_idx).to(rows.dtype)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    total = rows.new_zeros(bags, rows.shape[1]).index_add(0, bag, rows * kept)
    if mode == "sum":
        return total
    return total / kept.new_zeros(bags, 1).index_add(0, bag, kept).clamp(min=1)


FORMULAS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    functional.embedding: embedding,
    functional.embedding_bag: embedding_bag,
}
