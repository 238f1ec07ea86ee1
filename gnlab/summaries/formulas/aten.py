"""Torch's operators (``torch.ops.aten``) by the functions that come to them.

A model that ``torch.export`` has made calls nothing but operators. Those listed take what torch's
function of the same name takes, and in the same order; a few have none, or another order.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

_ELEMENTWISE = """
    abs add addcdiv addcmul ceil clamp clamp_max clamp_min cos cosh div elu erf exp exp2 expm1 floor
    gelu glu hardshrink hardtanh leaky_relu lerp log log10 log1p log2 log_sigmoid masked_fill
    maximum minimum mish mul neg pow reciprocal relu relu6 round rsqrt rsub selu sigmoid sign silu
    sin sinh softplus softshrink sqrt square sub tan tanh threshold trunc where
"""
_SHAPES = """
    broadcast_to cat chunk clone constant_pad_nd contiguous cumsum diagonal expand expand_as flatten
    flip gather index_select movedim narrow pad permute pixel_shuffle repeat repeat_interleave
    reshape roll select split squeeze stack t tile to transpose tril triu type_as unbind unflatten
    unfold unsqueeze view view_as
"""
_REDUCTIONS = """
    amax amin log_softmax logsumexp max mean min prod softmax std sum var
"""
_PRODUCTS = """
    addmm baddbmm bilinear bmm conv1d conv2d conv3d conv_transpose1d conv_transpose2d
    conv_transpose3d dot einsum gru gru_cell linear lstm lstm_cell matmul mm mv outer rnn_relu
    rnn_relu_cell rnn_tanh rnn_tanh_cell
"""
_WINDOWS = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d avg_pool2d avg_pool3d
    max_pool1d max_pool2d max_pool3d
"""
_PLACES = """
    _pack_padded_sequence _pad_packed_sequence copy fill fill_diagonal index_add index_copy
    index_fill masked_scatter pad_sequence put scatter scatter_add take zero
"""
_RANDOM = ("dropout", "feature_dropout")  # in place they may draw other numbers
SAME = frozenset(
    " ".join((_ELEMENTWISE, _SHAPES, _REDUCTIONS, _PRODUCTS, _WINDOWS, _PLACES, *_RANDOM)).split()
)
"""The operators that take what the function of the same name takes."""

ROUTED = frozenset(
    {
        "layer_norm", "rms_norm", "group_norm", "batch_norm", "instance_norm", "native_layer_norm",
        "_weight_norm", "scaled_dot_product_attention", "hardsigmoid", "hardswish", "celu", "prelu",
        "linalg_vector_norm", "cosine_similarity", "logcumsumexp", "index_put", "index_put_",
    }
)  # fmt: skip
"""Those that are known as operators, whatever the overload's mark is."""


def _embedding(weight: Tensor, indices: Tensor, padding_idx: int = -1, *more: bool) -> Tensor:
    """Rows of a table; a negative padding row is none."""
    padding = None if padding_idx < 0 else padding_idx
    return torch.nn.functional.embedding(indices, weight, padding, None, 2.0, *more)


def _slice(
    x: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A slice of one dimension."""
    return x[(slice(None),) * (dim % x.dim()) + (slice(start, end, step),)]


def _index(x: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    """The entries at some places; None is a whole dimension."""
    return x[tuple(slice(None) if i is None else i for i in indices)]


OTHERWISE: Mapping[str, Callable[..., Any]] = {
    "embedding.default": _embedding, "slice.Tensor": _slice, "index.Tensor": _index,
    "numpy_T.default": lambda x: x.T, "mT.default": lambda x: x.mT,
    "split_with_sizes.default": torch.split,
}  # fmt: skip
"""What to call in the place of operators that have no function, or one of another order."""


@functools.lru_cache(maxsize=1024)
def function_of(operator: OpOverload) -> Callable[..., Any] | None:
    """The function that comes to an operator.

    Args:
        operator: The operator.

    Returns:
        What takes its arguments and does the same; None if nothing is known.
    """
    packet: Any = operator.overloadpacket
    name, overload = packet.__name__, operator._overloadname
    if operator.namespace != "aten" or overload.endswith("out"):
        return None
    if name in ROUTED:
        found: Callable[..., Any] | None = packet if overload == "default" else None
        return found
    plain = name.removesuffix("_")
    if plain not in SAME or (name != plain and plain in _RANDOM):
        return OTHERWISE.get(operator.__name__)
    homes: tuple[Any, ...] = torch, Tensor, torch._C._nn
    return next((getattr(home, name) for home in homes if hasattr(home, name)), None)


def call(
    operator: OpOverload, args: tuple[Any, ...], named: Mapping[str, Any], watcher: Any
) -> Any:
    """Call the function that comes to an operator, under who watches functions.

    Args:
        operator: The operator.
        args: Its arguments.
        named: Its keyword arguments.
        watcher: A context in which the function is called.

    Returns:
        What it returns; NotImplemented if nothing is known that takes these arguments.
    """
    function = function_of(operator)
    if function is None:
        return NotImplemented
    try:
        with watcher:
            return function(*args, **named)
    except TypeError:  # it takes less, or they are wrong, which the operator itself tells
        return NotImplemented
