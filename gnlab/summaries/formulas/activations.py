"""Activations by their formula, where torch's own have derivatives that are wrong, or none."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def hardsigmoid(x: Tensor, inplace: bool = False) -> Tensor:
    """The piecewise linear sigmoid; arguments as torch's."""
    return functional.relu6(x + 3) / 6


def hardswish(x: Tensor, inplace: bool = False) -> Tensor:
    """X times the piecewise linear sigmoid; on a GPU torch's has 1/6 in single precision."""
    return x * functional.relu6(x + 3) / 6


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """α (exp(x/α) − 1) below zero; arguments as torch's, which rounds 1/α to float32."""
    if alpha == 0:  # which torch refuses
        return functional.celu(input, alpha)
    x = input.clone() if inplace else input
    if alpha > 0:
        result = functional.elu(x / alpha) * alpha
    else:  # below zero all the same, where x/α is above it
        result = torch.where(x >= 0, x, torch.expm1(x / alpha) * alpha)
    return input.copy_(result) if inplace else result


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """The same, in place."""
    return celu(input, alpha, inplace=True)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """X above zero, w x below, with one w or one for each channel of x [N, C, ...].

    At zero torch's own takes its slope from one side and the slope's derivatives from the other.
    """
    channels = input.shape[1] if input.dim() > 1 else 1
    if weight.numel() not in (1, channels):  # which torch refuses
        return functional.prelu(input, weight)
    # One w for each channel, each in front of what is behind the channel's number.
    slope = weight.reshape([-1] * (input.dim() > 0) + [1] * (input.dim() - 2))
    return torch.where(input > 0, input, slope * input)


FORMULAS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    functional.hardsigmoid: hardsigmoid,
    functional.hardswish: hardswish,
    functional.celu: celu,
    torch.celu: celu,
    torch.celu_: celu_,
    torch.prelu: prelu,
    Tensor.prelu: prelu,
}
