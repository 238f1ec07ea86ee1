"""What is written into places of a tensor, written out in operations that overwrite nothing.

Where a place is named twice the last value counts, and the one before has no derivative; torch's
own derivative gives it to both. So what is written is found first, by writing the values' numbers
in their place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_aten: Any = torch.ops.aten  # its operators have no types

Write = Callable[[Tensor, Any], Tensor]
"""(a tensor, values or a number) -> the tensor with these in their places."""


def overwritten(x: Tensor, values: Any, write: Write) -> Tensor:
    """X with values in some places.

    Args:
        x: The tensor.
        values: The values, or one number.
        write: What puts them there; it is given other tensors of their shapes.

    Returns:
        What x is afterwards.
    """
    if not isinstance(values, Tensor):
        with torch._C.DisableTorchFunction():
            there = write(torch.zeros_like(x, dtype=torch.bool), True)
        return x.masked_fill(there, values)
    if values.dtype != x.dtype:  # which torch refuses
        raise TypeError("values of another dtype")
    with torch._C.DisableTorchFunction():
        # Laid out as they are: the order in which torch writes depends on it.
        count = torch.arange(values.numel(), device=values.device).reshape(values.shape)
        numbers = torch.empty_like(values, dtype=count.dtype).copy_(count)
        which = write(torch.full_like(x, -1, dtype=count.dtype), numbers)
        there, which = which >= 0, which.clamp(min=0)
    if not values.numel():
        return x.clone()
    if values.numel() == 1:
        return torch.where(there, values.reshape(()), x)
    found = values.reshape(-1).index_select(0, which.reshape(-1)).reshape(which.shape)
    return torch.where(there, found, x)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a view lies in a contiguous tensor.

    Attributes:
        shape: The view's shape.
        stride: How far its entries are apart.
        begin: Where its first is.
    """

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    begin: int

    @classmethod
    def of(cls, view: Tensor, base: Tensor) -> "Place":
        """The place of a view in what it is a view of."""
        begin = int(view.storage_offset()) - int(base.storage_offset())
        return cls(view.shape, view.stride(), begin)


def written_beneath(x: Tensor, place: Place, values: Tensor) -> Tensor:
    """What a tensor is after values were written into a view of it.

    Args:
        x: What it was before.
        place: The view.
        values: The values, of the view's shape.

    Returns:
        What it is afterwards.
    """
    with torch._C.DisableTorchFunction():
        every = torch.arange(x.numel(), device=x.device)
        places = every.as_strided(place.shape, place.stride, place.begin).reshape(-1)

    def write(z: Tensor, values: Any) -> Tensor:
        return z.reshape(-1).index_copy(0, places, values.reshape(-1)).reshape(z.shape)

    return overwritten(x, values, write)


def zero(input: Tensor) -> Tensor:
    """Zeros; arguments as torch's."""
    return torch.zeros_like(input)


def fill(input: Tensor, value: Any) -> Tensor:
    """One value everywhere; arguments as torch's."""
    if not isinstance(value, Tensor):
        return torch.full_like(input, value)
    return value.to(input.dtype).expand(input.shape)


def copied(input: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Another's values; arguments as torch's."""
    return src.to(device=input.device, dtype=input.dtype).expand(input.shape)


def assigned(x: Tensor, index: Any, value: Any) -> Tensor:
    """X after x[index] = value."""

    def write(z: Tensor, values: Any) -> Tensor:
        z[index] = values
        return z

    if not isinstance(value, Tensor):
        return overwritten(x, value, write)
    value = value.to(x)
    if isinstance(index, Tensor) and index.dtype is torch.bool and value.numel() == 1:
        # How many places there are need not be known.
        mask = index.reshape(*index.shape, *[1] * (x.dim() - index.dim()))
        return torch.where(mask, value.reshape(()), x)
    return overwritten(x, value, write)


def index_put(
    input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Values in, or added to, places; arguments as torch's."""
    if accumulate:
        some = tuple(slice(None) if i is None else i for i in indices)
        return _increased(input, lambda z: z[some], values)
    # The operator knows None, which the function refuses: a whole dimension.
    return overwritten(input, values, lambda z, v: _aten.index_put(z, list(indices), v))


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Values in, or added to, places counted through; arguments as torch's."""
    if accumulate:
        return _increased(input, lambda z: z.take(index), source)
    return overwritten(input, source, lambda z, v: z.put(index, v))


def _increased(x: Tensor, read: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """X with values added to those places that are read."""
    with torch._C.DisableTorchFunction():
        places = read(torch.arange(x.numel(), device=x.device).reshape(x.shape))
    added = values.expand(places.shape).reshape(-1)
    return x.reshape(-1).index_add(0, places.reshape(-1), added).reshape(x.shape)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Slices in the place of others; arguments as torch's."""
    return overwritten(input, source, lambda z, v: z.index_copy(dim, index, v))


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: float | None = None
) -> Tensor:
    """Values, or a number, in places along a dimension; arguments as torch's."""
    return overwritten(
        input, src if value is None else value, lambda z, v: z.scatter(dim, index, v)
    )


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Values one after the other where a mask holds; arguments as torch's."""
    return overwritten(input, source, lambda z, v: z.masked_scatter(mask, v))


def take(input: Tensor, index: Tensor) -> Tensor:
    """Entries counted through; arguments as torch's."""
    return input.reshape(-1)[index]


def fill_diagonal(input: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """A number on the diagonal; arguments as torch's."""

    def write(z: Tensor, value: Any) -> Tensor:
        return z.fill_diagonal_(value, wrap)

    return overwritten(input, fill_value, write)


BY_NAME: Mapping[str, Callable[..., Any]] = {
    "setitem": assigned, "index_put": index_put, "put": put, "index_copy": index_copy,
    "scatter": scatter, "masked_scatter": masked_scatter, "take": take,
    "fill_diagonal": fill_diagonal, "zero": zero, "fill": fill, "copy": copied,
}  # fmt: skip
"""The formulas by the operation's plain name."""


def _differentiable(name: str, func: Callable[..., Any]) -> Callable[..., Any]:
    """An operation by its formula where torch may differentiate it wrongly."""
    formula, in_place = BY_NAME[name], func.__name__.endswith("_")

    def call(input: Tensor, *args: Any, **named: Any) -> Any:
        given = [v for v in (*args, *named.values()) if isinstance(v, Tensor) and v.requires_grad]
        if name == "setitem":
            known = not all(map(_is_one_place, _tuple(args[0])))
        else:
            known = "reduce" not in named and all(v.dtype == input.dtype for v in given)
        if not given or not known or not torch.is_grad_enabled():
            return func(input, *args, **named)
        result = formula(input, *args, **named)
        return input.copy_(result) if in_place else result

    return call


def _tuple(index: Any) -> tuple[Any, ...]:
    """An index as a tuple."""
    return index if isinstance(index, tuple) else (index,)


def _is_one_place(index: Any) -> bool:
    """Whether a part of an index names no place twice."""
    return index is None or index is Ellipsis or type(index) in (int, slice)


FORMULAS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    func: _differentiable(name, func)
    for name, functions in {
        "setitem": (Tensor.__setitem__,),
        "index_put": (
            torch.index_put, torch.index_put_, Tensor.index_put, Tensor.index_put_,
            _aten.index_put, _aten.index_put_,
        ),
        "put": (torch.put, Tensor.put, Tensor.put_),
        "index_copy": (torch.index_copy, Tensor.index_copy, Tensor.index_copy_),
        "scatter": (torch.scatter, Tensor.scatter, Tensor.scatter_),
    }.items()
    for func in functions
}  # fmt: skip
"""By torch's function, those of which torch's own derivative gives a place to several values."""
