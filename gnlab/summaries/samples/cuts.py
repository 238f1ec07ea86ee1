"""Where each operation's arguments are cut so that its result is cut along a dimension.

An operation keeps samples apart along a dimension of its result if any range of that dimension is
made of a range of its arguments, by the same operation. Written down is the way back: given where
the result is cut, where each argument has to be. An argument that is not named has to be whole.

Legend: B samples; a dimension of m·B entries has m for each sample, side by side.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.jets.jet import Operand
from gnlab.summaries.rules.calls import UNUSUAL, Call, dims_of, value_of
from gnlab.summaries.rules.elementwise import RULES as POINTWISE

Needs = list[tuple[Any, Axis]]
"""Where which arguments have to be cut; those that are not named have to be whole."""
Cut = Callable[[Call, Axis], "Needs | None"]
"""Says what a call needs if its results are cut along an axis; None if that cannot be done."""


def needs(call: Call, axis: Axis) -> Needs | None:
    """What a call needs for its results to be cut.

    Args:
        call: The call.
        axis: Where its results are to be cut.

    Returns:
        The arguments that have to be cut, and where; None if it does not keep samples apart there.
    """
    cut = _CUTS.get(call.name)
    if cut is None:
        return None
    try:
        return cut(call, axis)
    except UNUSUAL:  # arguments in an unusual place, which a rule may know
        return None


def tensors(given: Any) -> Iterator[Any]:
    """The operands and the constant tensors among arguments, however nested."""
    if isinstance(given, (Operand, Tensor)):
        yield given
    elif isinstance(given, Mapping):
        for value in given.values():
            yield from tensors(value)
    elif isinstance(given, (tuple, list)):
        for value in given:
            yield from tensors(value)


def _broadcast(call: Call, axis: Axis) -> Needs | None:
    """Element by element, each argument broadcast over the result."""
    shape, found = call.out.shape, []
    behind = len(shape) - axis.dim
    for tensor in tensors((call.args, call.kwargs)):
        own = value_of(tensor).shape
        if len(own) >= behind and own[-behind] == shape[axis.dim]:
            found.append((tensor, Axis(len(own) - behind, axis.times)))
    return found


def _alone(call: Call, axis: Axis) -> Needs | None:
    """Element by element, of one argument."""
    given = list(tensors((call.args, call.kwargs)))
    return [(given[0], axis)] if len(given) == 1 else None


def _reshaped(call: Call, axis: Axis) -> Needs | None:
    """The same entries in the same order: as many in front of the cut, and B parts behind."""
    given = list(tensors((call.args, call.kwargs)))
    shape = call.out.shape
    before, count = math.prod(shape[: axis.dim]), shape[axis.dim] // axis.times
    if len(given) != 1:
        return None
    own = value_of(given[0]).shape
    for d, n in enumerate(own):
        if math.prod(own[:d]) == before and n and n % count == 0:
            return [(given[0], Axis(d, n // count))]
    return None


def _moved(call: Call, axis: Axis, order: list[int]) -> Needs:
    """The dimensions in another order: ``order`` has the argument's one for each of the result."""
    return [(call.only(), Axis(order[axis.dim], axis.times))]


def _permuted(call: Call, axis: Axis) -> Needs | None:
    given = call.args[1:] or tuple(call.kwargs.values())
    order = given[0] if len(given) == 1 else given
    dims = call.out.dim()
    return _moved(call, axis, [d % dims for d in order])


def _transposed(call: Call, axis: Axis) -> Needs | None:
    dims = call.out.dim()
    if call.name in ("t", "mT"):
        one, two = (-2, -1) if dims > 1 else (-1, -1)
    else:
        one, two = call.args[1:] or tuple(call.kwargs[k] for k in list(call.kwargs)[-2:])
    order = list(range(dims))
    order[one % dims], order[two % dims] = two % dims, one % dims
    return _moved(call, axis, order)


def _reduced(call: Call, axis: Axis) -> Needs | None:
    """Sums, means and extremes along other dimensions."""
    x, given = call.only(), call.named("input", "dim", "keepdim")
    over = dims_of(x.value, given.get("dim"))
    left = [d for d in range(x.value.dim()) if d not in over or given.get("keepdim", False)]
    if len(left) != call.out.dim() or left[axis.dim] in over:
        return None
    return _moved(call, axis, left)


def _taken(call: Call, axis: Axis) -> Needs | None:
    """Entries and slices of other dimensions."""
    x, chosen = call.only(), call.args[1]
    plain = list(chosen) if isinstance(chosen, tuple) else [chosen]
    if any(not (i is None or i is Ellipsis or type(i) in (int, slice)) for i in plain):
        return None
    missing = x.value.dim() - sum(i is not None and i is not Ellipsis for i in plain)
    at = next((k for k, i in enumerate(plain) if i is Ellipsis), len(plain))
    plain[at : at + 1] = [slice(None)] * missing
    order: list[int | None] = []
    d = 0
    for i in plain:
        if i is None:
            order.append(None)
            continue
        if isinstance(i, slice):
            order.append(d if i.indices(x.value.shape[d]) == (0, x.value.shape[d], 1) else None)
        d += 1
    own = order[axis.dim]
    return None if own is None else [(x, Axis(own, axis.times))]


def _along(call: Call, axis: Axis) -> Needs | None:
    """What goes on along one other dimension, or some, which the result still has."""
    names = {"cumsum": ("input", "dim"), "narrow": ("input", "dim", "start", "length")}
    usual = {"roll": ("input", "shifts", "dims"), "flip": ("input", "dims")} | names
    given = call.named(*usual.get(call.name, ("input", "size", "dim")))
    dims = given.get("dim", given.get("dims", 0 if call.name in ("split", "chunk") else None))
    if dims is None or dims == () or not isinstance(dims, (int, tuple, list)):
        return None
    x = call.only()
    return None if axis.dim in dims_of(x.value, dims) else [(x, axis)]


def _without(call: Call, axis: Axis) -> Needs | None:
    """One entry of another dimension, or each of them."""
    given = call.named("input", "dim", "index")
    dim = given.get("dim", 0) % call.only().value.dim()
    return [(call.only(), Axis(axis.dim + (axis.dim >= dim), axis.times))]


def _joined(call: Call, axis: Axis) -> Needs | None:
    """Side by side along another dimension."""
    given = call.named("tensors", "dim")
    dim = given.get("dim", 0) % call.out.dim()
    if axis.dim == dim or any(value_of(t).dim() != call.out.dim() for t in given["tensors"]):
        return None
    return [(t, axis) for t in given["tensors"]]


def _stacked(call: Call, axis: Axis) -> Needs | None:
    """Side by side along a new dimension."""
    given = call.named("tensors", "dim")
    dim = given.get("dim", 0) % call.out.dim()
    own = Axis(axis.dim - (axis.dim > dim), axis.times)
    return None if axis.dim == dim else [(t, own) for t in given["tensors"]]


def _padded(call: Call, axis: Axis) -> Needs | None:
    """Margins of the last dimensions."""
    margins = call.args[1] if len(call.args) > 1 else call.kwargs["pad"]
    first = call.out.dim() - len(margins) // 2
    return [(call.only(), axis)] if axis.dim < first else None


def _linear(call: Call, axis: Axis) -> Needs | None:
    """Rows times a whole matrix."""
    given = call.named("input", "weight", "bias")
    return [(given["input"], axis)] if axis.dim < call.out.dim() - 1 else None


def _windows(call: Call, axis: Axis) -> Needs | None:
    """Convolutions and poolings of [N, C, ...]."""
    x = call.named("input")["input"]
    dims = int(call.name[-2]) + 2
    return [(x, axis)] if axis.dim == 0 and value_of(x).dim() == call.out.dim() == dims else None


def _normalised(call: Call, axis: Axis) -> Needs | None:
    """Within sets along other dimensions."""
    given = call.named("x", "dims", "eps")
    dims = [d % call.out.dim() for d in given["dims"]]
    return None if axis.dim in dims else [(given["x"], axis)]


def _softmax(call: Call, axis: Axis) -> Needs | None:
    """Along another dimension."""
    dim = call.named("input", "dim").get("dim")
    if dim is None or axis.dim == dim % call.out.dim():
        return None
    return [(call.only(), axis)]


def _rows(call: Call, axis: Axis) -> Needs | None:
    """Rows of a whole table."""
    tokens = call.named("input", "weight")["input"]
    return [(tokens, axis)] if axis.dim < value_of(tokens).dim() else None


def _product(call: Call, axis: Axis) -> Needs | None:
    """Rows of the first factor times a whole second one, or one product for each sample."""
    a, b = call.args[:2]
    left, right, behind = value_of(a).shape, value_of(b).shape, call.out.dim() - axis.dim
    if len(left) == 1:
        return None
    if len(right) == 1:
        return [(a, axis)]
    if behind < 3:
        return [(a, Axis(len(left) - 2, axis.times))] if behind == 2 else None
    size = call.out.shape[axis.dim]
    return [
        (t, Axis(len(own) - behind, axis.times))
        for t, own in ((a, left), (b, right))
        if len(own) >= behind and own[-behind] == size
    ]


def _summed(call: Call, axis: Axis) -> Needs | None:
    """A sum of products over indices: where an index of the result is an index of the factors."""
    equation, *factors = call.args
    if len(factors) == 1 and isinstance(factors[0], (tuple, list)):
        factors = list(factors[0])
    given, arrow, made = equation.replace(" ", "").partition("->")
    if not arrow or "." in equation:
        return None
    index = made[axis.dim]
    own = list(zip(given.split(","), factors, strict=True))
    if any(indices.count(index) > 1 for indices, _ in own):
        return None
    return [(t, Axis(i.index(index), axis.times)) for i, t in own if index in i]


_CUTS: Mapping[str, Cut] = {
    **dict.fromkeys(POINTWISE, _alone),
    **dict.fromkeys(
        ("add", "sub", "rsub", "mul", "div", "where", "masked_fill", "maximum", "minimum",
         "expand", "pow"),
        _broadcast,
    ),
    **dict.fromkeys(("neg", "negative"), _alone),
    **dict.fromkeys(
        ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone",
         "to", "float", "double", "ravel"),
        _reshaped,
    ),
    "permute": _permuted,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims", "t", "mT"), _transposed),
    **dict.fromkeys(("sum", "mean", "amax", "amin"), _reduced),
    "getitem": _taken, "pad": _padded, "cat": _joined, "stack": _stacked,
    **dict.fromkeys(("cumsum", "narrow", "roll", "flip", "split", "chunk"), _along),
    **dict.fromkeys(("select", "unbind"), _without),
    **dict.fromkeys(
        [f"{what}{d}d" for d in (1, 2, 3)
         for what in ("conv", "conv_transpose", "avg_pool", "adaptive_avg_pool", "max_pool")],
        _windows,
    ),
    "linear": _linear, "standardised": _normalised, "embedding": _rows,
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    "matmul": _product, "mv": _product, "einsum": _summed,
}  # fmt: skip
"""What each operation needs, by its plain name; of the others the samples stay together."""
