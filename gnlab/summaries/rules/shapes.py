"""Jets through what is linear: shapes, sums, selections. None of it adds curvature.

A derivative goes the way of the value, all of them at once: the rows of a jet are one more
dimension in front. A selection whose choice the values fix (a maximum, a mask) is linear too.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.curvature import Curvature
from gnlab.summaries.jets import Jet, Operand, sum_of
from gnlab.summaries.rules.calls import Call, NoRuleError, Rule, jet_of, operands, value_of


def reshaped(call: Call, curvature: Curvature) -> Jet:
    """Y = x in another shape, or another dtype."""
    out = call.out
    return _moved(call).jet.linear(lambda v: v.reshape(len(v), *out.shape).to(out.dtype))


def _moved(call: Call) -> Operand:
    """The operand that gets another shape; another one may be what has the shape already."""
    if call.name.endswith("_as") and isinstance(call.args[0], Operand):
        return call.args[0]
    return call.only()


def permuted(call: Call, curvature: Curvature) -> Jet:
    """Y = x with its dimensions in another order."""
    x = call.only()
    given = call.args[1:] or tuple(call.kwargs.values())
    order = given[0] if len(given) == 1 else given
    return x.jet.linear(lambda v: v.permute(0, *[d % x.value.dim() + 1 for d in order]))


def transposed(call: Call, curvature: Curvature) -> Jet:
    """Y = x with two dimensions exchanged."""
    x = call.only()
    one, two = call.args[1:] or tuple(call.kwargs[k] for k in list(call.kwargs)[-2:])
    dims = x.value.dim()
    return x.jet.linear(lambda v: v.transpose(one % dims + 1, two % dims + 1))


def turned(call: Call, curvature: Curvature) -> Jet:
    """Y = xᵀ, of the last two dimensions."""
    x = call.only()
    return x.jet.linear(lambda v: v if x.value.dim() < 2 else v.mT)


def expanded(call: Call, curvature: Curvature) -> Jet:
    """Y = x, repeated without copies."""
    shape = call.out.shape
    return _moved(call).jet.linear(
        lambda v: v.reshape(len(v), *[1] * (len(shape) + 1 - v.dim()), *v.shape[1:]).expand(
            len(v), *shape
        )
    )


def negated(call: Call, curvature: Curvature) -> Jet:
    """Y = −x."""
    return call.only().jet.linear(torch.neg)


def total(call: Call, curvature: Curvature) -> Jet:
    """Y = the sum or the mean of x over some dimensions."""
    x, out = call.only(), call.out
    given = call.named("input", "dim", "keepdim").get("dim")
    dims = range(x.value.dim()) if given is None else (given,) if isinstance(given, int) else given
    over = [d % max(x.value.dim(), 1) + 1 for d in dims]
    if not over:
        if x.value.dim():
            over = list(range(1, x.value.dim() + 1))
        else:
            return x.jet
    share = out.numel() / max(x.value.numel(), 1) if call.name == "mean" else 1
    return x.jet.linear(lambda v: v.sum(over, dtype=out.dtype).reshape(len(v), *out.shape) * share)


def taken(call: Call, curvature: Curvature) -> "Jet | list[Jet]":
    """Y = x[i]."""
    chosen = call.args[1]
    plain = chosen if isinstance(chosen, tuple) else (chosen,)
    if all(i is None or i is Ellipsis or isinstance(i, (int, slice)) for i in plain):
        return call.only().jet.linear(lambda v: v[(slice(None), *plain)])
    return linear(call, curvature)


def linear(call: Call, curvature: Curvature) -> "Jet | list[Jet]":
    """Any y = A x, by calling A for many values at once."""
    x = call.only()
    func = torch.movedim if call.name == "movedim" else call.func
    each = torch.vmap(lambda v: func(v, *call.args[1:], **call.kwargs))
    if not call.several:
        return x.jet.linear(each)
    jet = x.jet
    return [Jet(jet.ranks, jet.bent, values) for values in each(jet.values)]


def affine(call: Call, curvature: Curvature) -> Jet:
    """Any y = A(x₁, x₂, …) + c, by calling it for one of its operands at a time."""
    if any(not isinstance(entry, Operand) and operands(entry) for entry in call.args):
        raise NoRuleError("with a variable in an unusual place")
    given = {**dict(enumerate(call.args)), **call.kwargs}

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
    jets = [
        value.jet.linear(torch.vmap(lambda v, key=key: apply({key: v}) - constant))
        for key, value in given.items()
        if isinstance(value, Operand)
    ]
    return sum_of(jets, call.out.shape)


def widened(call: Call, curvature: Curvature) -> Jet:
    """Y = x with margins; a constant in them has no derivative."""
    given = call.named("input", "pad", "mode", "value")
    if call.name == "constant_pad_nd":
        given = {"pad": call.args[1]}
    mode, margins = given.get("mode", "constant"), list(given["pad"])
    x = call.only()
    if mode == "constant":
        return x.jet.linear(_padded(margins))
    return x.jet.linear(torch.vmap(lambda v: functional.pad(v, margins, mode)))


def pooled(call: Call, curvature: Curvature) -> Jet:
    """Y = means over windows of samples [N, C, ...]: more values are more samples."""
    x, out = call.only(), call.out
    options = {k: v for k, v in call.kwargs.items() if k != "input"}

    def each(v: Tensor) -> Tensor:
        y: Tensor = call.func(v.flatten(0, 1), *call.args[1:], **options)
        return y.reshape(len(v), *out.shape)

    if x.value.dim() != int(call.name[-2]) + 2:
        raise NoRuleError("without a dimension of samples")
    return x.jet.linear(each)


def greatest_pooled(call: Call, curvature: Curvature) -> Jet:
    """Y = the greatest value of each window of x [N, C, ...], the entries kept at the call."""
    x, out, dims = call.only(), call.out, int(call.name[-2])
    if call.kept is None:
        raise NoRuleError("without its indices")
    at = call.kept.flatten(-dims)
    return x.jet.linear(
        lambda v: (
            v.flatten(-dims).gather(-1, at.expand(len(v), *at.shape)).reshape(len(v), *out.shape)
        )
    )


def with_indices(func: Callable[..., Any], args: Any, options: Any) -> tuple[Tensor, Tensor]:
    """A pooling's result, and which entries it took."""
    if options.get("return_indices", False):
        raise NoRuleError("with its indices")
    name = func.__name__
    result, kept = getattr(functional, name)(*args, **{**options, "return_indices": True})
    return result, kept


def added(call: Call, curvature: Curvature, sign: float = 1.0) -> Jet:
    """Y = a + αb, broadcast."""
    a, b = call.args[:2]
    factor = sign * call.kwargs.get("alpha", 1)
    shape = call.out.shape
    return sum_of([_spread(a, shape), _spread(b, shape, factor)], shape)


def subtracted(call: Call, curvature: Curvature) -> Jet:
    """Y = a − αb."""
    return added(call, curvature, -1.0)


def subtracted_from(call: Call, curvature: Curvature) -> Jet:
    """Y = b − αa, as torch.rsub."""
    a, b = call.args[:2]
    shape = call.out.shape
    return sum_of([_spread(b, shape), _spread(a, shape, -call.kwargs.get("alpha", 1))], shape)


def _spread(argument: Any, shape: torch.Size, factor: float = 1.0) -> Jet | None:
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
    shape, dtype = call.out.shape, call.out.dtype
    jets = [
        None if jet is None else jet.scaled(mask.to(dtype))
        for jet, mask in ((_spread(a, shape), condition), (_spread(b, shape), ~condition))
    ]
    return sum_of(jets, shape)


def masked(call: Call, curvature: Curvature) -> Jet:
    """Y = x, and a constant where the mask holds."""
    jet, shape = _spread(call.only(), call.out.shape), call.out.shape
    assert jet is not None
    return jet.linear(lambda v: v.expand(len(v), *shape).masked_fill(call.args[1], 0))


def concatenated(call: Call, curvature: Curvature) -> Jet:
    """Y = the arguments side by side."""
    given = call.named("tensors", "dim")
    return _side_by_side(given["tensors"], given.get("dim", 0) % call.out.dim(), call.out.shape)


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
    at, jets = 0, []
    for tensor in tensors:
        width = value_of(tensor).shape[axis]
        margins = [0, 0] * (len(shape) - 1 - axis) + [at, shape[axis] - at - width]
        jet = jet_of(tensor)
        if jet is not None and width:
            jets.append(jet.linear(_padded(margins)))
        at += width
    return sum_of(jets, shape)


def _padded(margins: list[int]) -> Callable[[Tensor], Tensor]:
    """Pads with zeros."""
    return lambda v: functional.pad(v, margins)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as",
         "contiguous", "clone", "to", "float", "double", "type_as", "reshape_as", "ravel"),
        reshaped,
    ),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), transposed),
    **dict.fromkeys(("t", "mT"), turned),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), expanded),
    **dict.fromkeys(("neg", "negative"), negated),
    **dict.fromkeys(("sum", "mean"), total),
    **dict.fromkeys(
        ("gather", "select", "narrow", "index_select", "movedim", "cumsum", "tril", "triu",
         "split", "chunk", "unbind", "roll", "flip", "repeat", "repeat_interleave",
         "diagonal", "tile", "unfold", "pixel_shuffle", "T", "H", "take_along_dim", "interpolate",
         "tensor_split", "diag_embed", "im2col", "fold", "pixel_unshuffle", "channel_shuffle",
         "fliplr", "flipud", "rot90", "hsplit", "masked_select"),
        linear,
    ),
    **dict.fromkeys(
        ("avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
         "adaptive_avg_pool3d"),
        pooled,
    ),
    **dict.fromkeys(
        ("index_add", "index_copy", "index_fill", "scatter", "scatter_add", "slice_scatter",
         "select_scatter", "diagonal_scatter"),
        affine,
    ),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), greatest_pooled),
    "pad": widened, "constant_pad_nd": widened, "permute": permuted, "getitem": taken, "add": added, "sub": subtracted,
    "rsub": subtracted_from, "where": chosen, "masked_fill": masked, "cat": concatenated,
    "stack": stacked,
}  # fmt: skip
"""The rules by the operation's plain name."""
