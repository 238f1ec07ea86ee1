"""x[i] = v, written out in operations that overwrite nothing."""

from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.rules.calls import NoRuleError


def assigned(x: Tensor, index: Any, value: Any) -> Tensor:
    """X with ``value`` in the places of an index.

    Args:
        x: The tensor, [...].
        index: Numbers, slices, None and an ellipsis; or a mask of the first dimensions of x.
        value: A number, or a tensor that broadcasts to the places.

    Returns:
        What x is after the assignment.

    Raises:
        NoRuleError: If the index has numbers in tensors, of which some may be the same, or there
            are several values for the places of a mask.
    """
    plain = index if isinstance(index, tuple) else (index,)
    if isinstance(index, Tensor) and index.dtype is torch.bool and index.dim():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise NoRuleError("an assignment to a mask")
        mask = index.reshape(*index.shape, *[1] * (x.dim() - index.dim()))
        return torch.where(mask, value.reshape(()) if isinstance(value, Tensor) else value, x)
    if not all(i is None or i is Ellipsis or type(i) in (int, slice) for i in plain):
        raise NoRuleError("an assignment to places in a tensor")
    if not isinstance(value, Tensor):
        value = torch.full((), value, dtype=x.dtype, device=x.device)
    every = torch.arange(x.numel(), device=x.device).reshape(x.shape)
    places = every[index]
    while value.dim() > places.dim() and len(value) == 1:  # as torch has it
        value = value[0]
    values = value.to(x.dtype).expand(places.shape).reshape(-1)
    return x.reshape(-1).scatter(0, places.reshape(-1), values).reshape(x.shape)
