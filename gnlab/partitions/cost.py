"""What a summary at some level will take: its multiply-accumulates, in those of one gradient.

A group pays, for its first and its second tangent, the forward work of the layers after the one
that it starts in. Every two groups that have reached a layer's result meet there in one product.
Beside these there is the forward pass, the gradients of all layers' inputs but the first's, and at
each layer one product of its inputs with the direction, and one of the tangents that reach it if
several groups share the layer. One gradient, the unit, is the forward pass, the gradients of the
inputs and those of the weights.

Legend: S groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from gnlab.partitions.unmoved import unmoved

_COUNTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True, slots=True)
class Layer:
    """A module that owns parameters, as it is executed.

    Attributes:
        name: Its name.
        work: The multiply-accumulates of its forward pass.
        values: The values that it returns.
    """

    name: str
    work: int
    values: int


def executed(model: nn.Module, inputs: Any) -> list[Layer]:
    """The layers in the order of their execution, with their work.

    Args:
        model: The model; it is called once, without gradients, and left as it was.
        inputs: A batch of inputs; on the meta device nothing is computed.

    Returns:
        The layers. Counted is the work of linear layers and convolutions.
    """
    found: list[Layer] = []

    def hook(name: str) -> Any:
        def seen(module: nn.Module, _: Any, output: Any) -> None:
            values = output.numel() if isinstance(output, Tensor) else 0
            found.append(Layer(name, _work(module, values), values))

        return seen

    hooks = [
        module.register_forward_hook(hook(name))
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    gpus = {p.device for p in model.parameters() if p.device.type == "cuda"}
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=list(gpus)), unmoved(model):
            model(inputs)
    finally:
        for one in hooks:
            one.remove()
    return found


def _work(module: nn.Module, values: int) -> int:
    """The multiply-accumulates of one call: for each value, the weights it is a sum over."""
    return values * prod(module.weight.shape[1:]) if isinstance(module, _COUNTED) else 0


def gradient(layers: Sequence[Layer]) -> int:
    """The multiply-accumulates of one gradient of a chain of layers.

    Args:
        layers: The layers in the order of their execution.

    Returns:
        Those of the forward pass, of the inputs' gradients but the first's, and of the weights'.
    """
    first = next((layer.work for layer in layers if layer.work), 0)
    return 3 * sum(layer.work for layer in layers) - first


def in_gradients(layers: Sequence[Layer], starting: Sequence[int], shared: bool) -> float:
    """The work of a summary of a chain of layers, in gradients.

    Args:
        layers: The layers in the order of their execution.
        starting: How many groups start in each.
        shared: Whether several groups share a layer.

    Returns:
        The work; 1 is one gradient's.
    """
    total, reached = gradient(layers), 0
    for layer, new in zip(layers, starting, strict=True):
        total += (2 + shared) * reached * layer.work
        reached += new
        total += reached**2 * layer.values
    return total / max(gradient(layers), 1)
