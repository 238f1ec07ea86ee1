"""Jets through what is linear in several values at once: sums, choices, joins, scatters."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand, put, sum_of
from gnlab.summaries.jets.ranks import union
from gnlab.summaries.rules.calls import Call, CaseError, Rule, jet_of, operands, value_of


def added(call: Call, curvature: Curvature, sign: float = 1.0) -> Jet:
    """Y = a + αb, broadcast."""
    a, b, alpha = _terms(call)
    factor = sign * alpha
    shape = call.out.shape
    return sum_of([spread(a, shape), spread(b, shape, factor)], shape)


def subtracted(call: Call, curvature: Curvature) -> Jet:
    """Y = a − αb."""
    return added(call, curvature, -1.0)


def subtracted_from(call: Call, curvature: Curvature) -> Jet:
    """Y = b − αa, as torch.rsub."""
    a, b, alpha = _terms(call)
    shape = call.out.shape
    return sum_of([spread(b, shape), spread(a, shape, -alpha)], shape)


def _terms(call: Call) -> tuple[Any, Any, float]:
    """A, b and α."""
    if len(call.args) > 2:  # (a, α, b), of years ago
        raise CaseError("with unusual arguments")
    given = call.named("input", "other")
    return given["input"], given["other"], given.get("alpha", 1)


def spread(argument: Any, shape: torch.Size, factor: float = 1.0) -> Jet | None:
    """An argument's jet, times a number, so that it broadcasts over the result."""
    jet = jet_of(argument)
    if jet is None:
        return None
    ones = [1] * (len(shape) - argument.value.dim())
    jet = jet.linear(lambda v: v.reshape(len(v), *ones, *v.shape[1:]))
    return jet if factor == 1 else jet.linear(lambda v: v * factor)


def chosen(call: Call, curvature: Curvature) -> Jet:
    """Y = a where the condition holds, else b."""
    function = call.func is torch.where
    names = ("condition", "input", "other") if function else ("input", "condition", "other")
    given = call.named(*names)
    condition, a, b = (given[name] for name in ("condition", "input", "other"))
    condition = condition.bool()  # a byte's complement is no other truth
    shape, dtype = call.out.shape, call.out.dtype
    jets = [
        None if jet is None else jet.scaled(mask.to(dtype))
        for jet, mask in ((spread(a, shape), condition), (spread(b, shape), ~condition))
    ]
    return sum_of(jets, shape)


def masked(call: Call, curvature: Curvature) -> Jet:
    """Y = x, and one value where the mask holds."""
    given, shape, dtype = call.named("input", "mask", "value"), call.out.shape, call.out.dtype
    mask = given["mask"].bool()
    jet, filling = spread(given["input"], shape), spread(given["value"], shape)
    if jet is not None:
        jet = jet.linear(lambda v: v.expand(len(v), *shape).masked_fill(mask, 0))
    if filling is not None:
        filling = filling.linear(lambda v: v.to(dtype) * mask)
    return sum_of([jet, filling], shape)


def concatenated(call: Call, curvature: Curvature) -> Jet:
    """Y = the arguments side by side."""
    given, out = call.named("tensors", "dim"), call.out
    # Torch takes a vector of no entries for nothing, whatever the others' shape.
    tensors = [t for t in given["tensors"] if value_of(t).shape != (0,) or out.dim() == 1]
    return _side_by_side(tensors, given.get("dim", 0) % out.dim(), out.shape)


def stacked(call: Call, curvature: Curvature) -> Jet:
    """Y = the arguments along a new dimension."""
    given = call.named("tensors", "dim")
    axis = given.get("dim", 0) % call.out.dim()
    tensors = []
    for tensor in given["tensors"]:
        if isinstance(tensor, Operand):
            jet = tensor.jet.linear(lambda v: v.unsqueeze(axis + 1))
            tensors.append(Operand(tensor.value.unsqueeze(axis), carried=jet))
        else:
            tensors.append(tensor.unsqueeze(axis))
    return _side_by_side(tensors, axis, call.out.shape)


def _side_by_side(tensors: Any, axis: int, shape: torch.Size) -> Jet:
    """The jet of tensors side by side along an axis."""
    at, placed = 0, []
    for tensor in tensors:
        width, jet = value_of(tensor).shape[axis], jet_of(tensor)
        if jet is not None and width:
            placed.append((at, width, jet))
        at += width
    jets = [jet for _, _, jet in placed]
    first = jets[0]
    if len(jets) == 1:
        begin, width, _ = placed[0]
        behind = shape[axis] - begin - width
        return first.linear(padded([0, 0] * (len(shape) - 1 - axis) + [begin, behind]))
    alike = all((jet.ranks, jet.bent) == (first.ranks, first.bent) for jet in jets)
    if alike and sum(width for _, width, _ in placed) == shape[axis]:
        return Jet(first.ranks, first.bent, torch.cat([jet.values for jet in jets], axis + 1))
    ranks, bent = union(*(jet.ranks for jet in jets)), union(*(jet.bent for jet in jets))
    whole = Jet(ranks, bent, first.values.new_zeros(len(bent) + len(ranks), *shape))
    for begin, width, jet in placed:
        put(whole.values.narrow(axis + 1, begin, width), whole, jet)
    return whole


def padded(margins: list[int]) -> Callable[[Tensor], Tensor]:
    """Pads with zeros."""
    return lambda v: functional.pad(v, margins)


def affine(call: Call, curvature: Curvature) -> Jet:
    """Any y = A(x₁, x₂, …) + c, by calling it for one of its operands at a time."""
    if any(not isinstance(entry, Operand) and operands(entry) for entry in call.args):
        raise CaseError("with a variable in an unusual place")
    given: dict[Any, Any] = {**dict(enumerate(call.args)), **call.kwargs}

    def without(value: Any) -> Any:
        """No more than the shape of what is not a place."""
        value = value_of(value)
        floating = isinstance(value, Tensor) and value.is_floating_point()
        return torch.zeros_like(value) if floating else value

    rest = {key: without(value) for key, value in given.items()}

    def apply(moved: dict[Any, Any]) -> Tensor:
        full = rest | moved
        y: Tensor = call.func(
            *[full[i] for i in range(len(call.args))], **{k: full[k] for k in call.kwargs}
        )
        return y

    constant = apply({})
    jets = []
    for key, value in given.items():
        if isinstance(value, Operand):
            each = functools.partial(lambda k, v: apply({k: v}) - constant, key)
            # Of numbers torch.vmap takes the last for all: index_fill, torch 2.14.
            one_by_one = value.value.dim() == 0
            jets.append(value.jet.linear(_in_turn(each) if one_by_one else torch.vmap(each)))
    return sum_of(jets, call.out.shape)


def _in_turn(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A function of a value as one of rows of values."""
    return lambda rows: torch.stack([function(row) for row in rows])


RULES: Mapping[str, Rule] = {
    "add": added, "sub": subtracted, "rsub": subtracted_from, "where": chosen,
    "masked_fill": masked, "cat": concatenated, "stack": stacked,
    **dict.fromkeys(
        ("index_add", "index_fill", "scatter_add", "slice_scatter", "select_scatter",
         "diagonal_scatter"),
        affine,
    ),
}  # fmt: skip
"""The rules by the operation's plain name."""
