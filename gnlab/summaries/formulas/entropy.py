"""The binary cross-entropy of probabilities, as exact as its dtype where they are next to 0 or 1.

Torch's own derivative divides by x(1 − x), or by 1e-12 if that is less, and its second derivative
by a little more: of a confident wrong prediction both are another function's.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import has_torch_function

LEAST = -100.0
"""The least logarithm, as torch has it; there the loss is constant."""


def bounded_log(p: Tensor) -> Tensor:
    """The logarithm of a probability, at least -100, with all derivatives zero below that.

    Args:
        p: Probabilities.

    Returns:
        The logarithms, [*p.shape]; those of negative numbers are not numbers.
    """
    # To clamp the logarithm would be too late: the infinite slope at 0, times 0, is not a number.
    flat = torch.logical_and(p >= 0, p <= math.exp(LEAST))
    return torch.where(flat, LEAST, torch.log(torch.where(flat, 1.0, p)))


def entropies(p: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    """Each probability's binary cross-entropy.

    Args:
        p: Probabilities.
        y: Targets, of the same shape.
        weight: A weight for each; broadcast.

    Returns:
        The entropies, in units of the loss, [*p.shape].
    """
    each = -(y * bounded_log(p) + (1 - y) * bounded_log(1 - p))
    return each if weight is None else each * weight


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Binary cross-entropy of probabilities; arguments as torch's."""
    old = size_average is not None or reduce is not None
    # Somebody watches, who knows this as one operation; or torch knows best what to say.
    if old or has_torch_function((input, target)) or input.shape != target.shape:
        return functional.binary_cross_entropy(
            input, target, weight, size_average, reduce, reduction
        )
    each = entropies(input, target, weight)
    if reduction == "none":
        return each
    return each.mean() if reduction == "mean" else each.sum()


FORMULAS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    functional.binary_cross_entropy: binary_cross_entropy,
}
"""By torch's function."""
