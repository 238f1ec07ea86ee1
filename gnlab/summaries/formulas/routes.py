"""The other ways to an operation that has a formula: torch's functions beneath, and its operators.

``functional.layer_norm`` calls ``torch.layer_norm``, that the operator ``aten.layer_norm``, that
``aten.native_layer_norm``. A person may call any of them, with each one's own order of arguments
and its own results, and each comes to the same kernel.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Formula = Callable[..., Any]

_aten: Any = torch.ops.aten  # its operators have no types

_SAME = (
    "layer_norm", "rms_norm", "group_norm", "_weight_norm", "scaled_dot_product_attention",
    "hardsigmoid", "hardswish", "celu", "celu_", "prelu", "linalg_vector_norm", "dist",
    "cdist", "pdist", "pairwise_distance", "cosine_similarity", "logcumsumexp",
)  # fmt: skip
"""The operators that take what the function of the same name takes."""

_REORDERED = ("batch_norm", "instance_norm")
"""Those that take weight and bias before the running statistics, ``functional`` after them."""


def operator(func: Formula) -> Formula:
    """An operator without the mark of its overload, if that is the usual one; else the same."""
    if isinstance(func, torch._ops.OpOverload) and func._overloadname == "default":
        packet: Formula = func.overloadpacket
        return packet
    return func


def routes(formulas: Mapping[Formula, Formula]) -> dict[Formula, Formula]:
    """The formulas by all that comes to the same kernels.

    Args:
        formulas: The formulas by torch's functions.

    Returns:
        The formulas by torch's functions beneath these, and by its operators.
    """
    by_name = {func.__name__: formula for func, formula in formulas.items()}
    found: dict[Formula, Formula] = {}
    for name in _SAME:
        found[getattr(_aten, name)] = _named(by_name[name])
    for func in (torch.layer_norm, torch.rms_norm, torch.group_norm):
        found[func] = _named(by_name[func.__name__])
    for name in _REORDERED:
        formula = _reordered(formulas[getattr(functional, name)])
        found[getattr(torch, name)] = found[getattr(_aten, name)] = formula
    native = _with_statistics(formulas[functional.layer_norm])
    found[torch.native_layer_norm] = found[_aten.native_layer_norm] = native
    return found


def _named(formula: Formula) -> Formula:
    """The formula of what calls its first argument ``input``, as torch does."""

    def call(input: Tensor, *args: Any, **named: Any) -> Any:
        return formula(input, *args, **named)

    return call


def _reordered(formula: Formula) -> Formula:
    """The formula of what takes weight and bias first."""

    def call(
        input: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        *args: Any,
        **named: Any,
    ) -> Any:
        return formula(input, running_mean, running_var, weight, bias, *args, **named)

    return call


def _with_statistics(layer_norm: Formula) -> Formula:
    """The formula of what returns the mean and the inverse deviation as well."""

    def call(
        input: Tensor,
        normalized_shape: Sequence[int],
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        dims = tuple(range(input.dim() - len(normalized_shape), input.dim()))
        mean = input.mean(dims, keepdim=True)
        inverse = ((input - mean).square().mean(dims, keepdim=True) + eps).rsqrt()
        return layer_norm(input, normalized_shape, weight, bias, eps), mean, inverse

    return call
