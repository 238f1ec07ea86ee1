"""Whether parameters lie in one memory, so that one cannot move without the other.

What is tied by ``b.data = a.data.T`` is two parameters to torch, each with a gradient of its own,
and one to whoever moves them. Disjoint parts of one memory, as a recurrent layer's or those of a
flat buffer, are parameters like any others.
"""

import functools
import math
from collections.abc import Mapping

import torch
from torch import Tensor

Lattice = tuple[int, tuple[tuple[int, int], ...]]
"""Where a tensor begins, and its lengths and strides, all in one unit."""


def in_one_memory(parameters: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """Find two parameters of which some element is the same memory.

    Args:
        parameters: The parameters by name.

    Returns:
        The names of two that have an element in common, None if there are none.
    """
    ranges = sorted(
        (begin, begin + _extent(p), name)
        for name, p in parameters.items()
        if (begin := _address(p)) and p.numel()
    )
    together: list[str] = []
    reach = 0
    for begin, end, name in ranges:
        if begin >= reach:
            together.clear()
        elif found := _common(parameters[name], together, parameters):
            return found, name
        together.append(name)
        reach = max(reach, end)
    return None


def repeats(tensor: Tensor) -> bool:
    """Whether several elements along some axis are one, as ``expand`` makes them.

    Args:
        tensor: The tensor.

    Returns:
        Whether they are; then torch does not write into it.
    """
    if tensor.layout is not torch.strided or tensor.is_contiguous():
        return False
    axes = zip(tensor.shape, tensor.stride(), strict=True)
    return any(size > 1 and not stride for size, stride in axes)


def _common(p: Tensor, others: list[str], parameters: Mapping[str, Tensor]) -> str | None:
    """The first of some parameters with an element of p's."""
    for name in others:
        other = parameters[name]
        size = math.gcd(p.element_size(), other.element_size(), p.data_ptr() - other.data_ptr())
        begin = min(p.data_ptr(), other.data_ptr())
        if p.device == other.device and _meet(*(_lattice(t, begin, size) for t in (p, other))):
            return name
    return None


@functools.lru_cache(maxsize=1024)  # the same parameters are asked about at every summary
def _meet(one: Lattice, two: Lattice) -> bool:
    """Whether two lattices have a point in common; found by marking them."""
    marked = torch.zeros(max(map(_end, (one, two))), dtype=torch.bool, device="cpu")
    for begin, dims in (one, two):
        part = marked.as_strided([n for n, _ in dims], [stride for _, stride in dims], begin)
        if part.any():
            return True
        part.fill_(True)
    return False


def _lattice(tensor: Tensor, begin: int, unit: int) -> Lattice:
    """Where a tensor's elements are, in units of some bytes from an address on."""
    size = tensor.element_size() // unit
    dims = tuple(
        (n, stride * size) for n, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )
    return (tensor.data_ptr() - begin) // unit, (*dims, (size, 1))


def _end(lattice: Lattice) -> int:
    """Where a lattice ends."""
    begin, dims = lattice
    return begin + sum((n - 1) * stride for n, stride in dims) + 1


def _extent(tensor: Tensor) -> int:
    """How many bytes there are from a tensor's first element to its last one's end."""
    if tensor.is_contiguous():
        return tensor.numel() * tensor.element_size()
    steps = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
    return (steps + 1) * tensor.element_size()


def _address(tensor: Tensor) -> int:
    """Where a tensor is in memory; 0 if it has no memory of its own to be asked about."""
    if tensor.layout != torch.strided:
        return 0
    try:
        return tensor.data_ptr()
    except RuntimeError:  # a tensor within a transform of a function, or a fake one
        return 0
