"""Values by their order: which they are is found first, and taken then."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

_NAMES: Mapping[str, tuple[str, ...]] = {
    "topk": ("k", "dim"), "kthvalue": ("k", "dim", "keepdim"), "sort": ("dim",),
    "median": ("dim", "keepdim"), "nanmedian": ("dim", "keepdim"), "mode": ("dim", "keepdim"),
    "cummax": ("dim",), "cummin": ("dim",),
}  # fmt: skip
"""The arguments of each, as far as it matters where the values lie."""


def by_order(name: str) -> Callable[..., Any]:
    """Torch's operation of a name, which gives values along a dimension and their places.

    Args:
        name: The name.

    Returns:
        The formula; arguments and results as torch's.
    """
    function = getattr(torch, name)

    def find(input: Tensor, *given: Any, **more: Any) -> Any:
        options = dict(zip(_NAMES[name], given, strict=False)) | more
        if name in ("median", "nanmedian") and not options:
            return find(input.reshape(-1), 0)[0]
        with torch._C.DisableTorchFunction():
            found = function(input.detach(), *given, **more)
        dim, places = options.get("dim", -1), found[1]
        if places.dim() == input.dim():
            values = input.gather(dim, places)
        else:
            values = input.gather(dim, places.unsqueeze(dim)).squeeze(dim)
        return type(found)((values, places))

    return find


def msort(input: Tensor) -> Tensor:
    """The values of each column in order; arguments as torch's."""
    values: Tensor = by_order("sort")(input, 0)[0]
    return values


FORMULAS: Mapping[str, Callable[..., Any]] = {
    **{name: by_order(name) for name in _NAMES}, "msort": msort,
}  # fmt: skip
"""The formulas by the operation's plain name."""
