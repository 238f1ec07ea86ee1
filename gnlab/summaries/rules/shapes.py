"""Jets through what is linear: shapes, sums, selections. None of it adds curvature.

A derivative goes the way of the value, all of them at once: the rows of a jet are one more
dimension in front. A selection whose choice the values fix (a maximum, a mask) is linear too.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand
from gnlab.summaries.rules import extremes, joins
from gnlab.summaries.rules.calls import Call, CaseError, Rule, dims_of
from gnlab.summaries.rules.joins import padded


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
    if not x.value.dim():
        return x.jet.linear(lambda v: v.to(out.dtype))
    over = [d + 1 for d in dims_of(x.value, call.named("input", "dim", "keepdim").get("dim"))]
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


def strided(call: Call, curvature: Curvature) -> Jet:
    """Y = entries of x by their distances in its memory, which may overlap."""
    x, given = call.only().value, call.named("input", "size", "stride", "storage_offset")
    if given.get("storage_offset") is not None or not _is_dense(x):
        raise CaseError("of memory in an unusual place")
    numbers = torch.arange(x.numel(), device=x.device).reshape(x.shape)
    beneath = torch.empty_strided(x.shape, x.stride(), dtype=numbers.dtype, device=x.device)
    places = beneath.copy_(numbers).as_strided(given["size"], given["stride"])
    return call.only().jet.linear(lambda v: v.reshape(len(v), -1)[:, places])


def _is_dense(x: Tensor) -> bool:
    """Whether a tensor's entries fill a stretch of memory, each its own place."""
    reached = 1
    for stride, size in sorted(zip(x.stride(), x.shape, strict=True)):
        if size != 1 and stride != reached:
            return False
        reached *= size
    return True


def widened(call: Call, curvature: Curvature) -> Jet:
    """Y = x with margins; a constant in them has no derivative."""
    given = call.named("input", "pad", "mode", "value")
    if call.name == "constant_pad_nd":
        given = {"pad": call.args[1]}
    mode, margins = given.get("mode", "constant"), list(given["pad"])
    x = call.only()
    if mode == "constant":
        return x.jet.linear(padded(margins))
    return x.jet.linear(torch.vmap(lambda v: functional.pad(v, margins, mode)))


def pooled(call: Call, curvature: Curvature) -> Jet:
    """Y = means over windows of samples [N, C, ...]: more values are more samples."""
    x, out = call.only(), call.out
    options = {k: v for k, v in call.kwargs.items() if k != "input"}

    def each(v: Tensor) -> Tensor:
        y: Tensor = call.func(v.flatten(0, 1), *call.args[1:], **options)
        return y.reshape(len(v), *out.shape)

    return x.jet.linear(each)


def greatest_pooled(call: Call, curvature: Curvature) -> Jet:
    """Y = the greatest value of each window of x [N, C, ...], the entries kept at the call."""
    x, out, dims = call.only(), call.out, int(call.name[-2])
    if call.kept is None:
        raise CaseError("without its indices")
    at = call.kept.flatten(-dims)
    return x.jet.linear(
        lambda v: (
            v.flatten(-dims).gather(-1, at.expand(len(v), *at.shape)).reshape(len(v), *out.shape)
        )
    )


def with_indices(func: Callable[..., Any], args: Any, options: Any) -> tuple[Tensor, Tensor]:
    """A pooling's result, and which entries it took."""
    name = func.__name__
    result, kept = getattr(functional, name)(*args, **{**options, "return_indices": True})
    return result, kept


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
         "diagonal", "tile", "unfold", "pixel_shuffle", "T", "H", "mH", "take_along_dim",
         "interpolate", "tensor_split", "diag_embed", "im2col", "fold",
         "pixel_unshuffle", "channel_shuffle",
         "fliplr", "flipud", "rot90", "hsplit", "vsplit", "dsplit",
         "split_with_sizes", "masked_select"),
        linear,
    ),
    **dict.fromkeys(
        ("avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
         "adaptive_avg_pool3d"),
        pooled,
    ),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), greatest_pooled),
    "pad": widened, "constant_pad_nd": widened, "permute": permuted, "getitem": taken,
    "as_strided": strided,
    **joins.RULES, **extremes.RULES,
}  # fmt: skip
"""The rules by the operation's plain name."""
