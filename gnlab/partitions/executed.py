"""The layers of a model as they are executed: the products, and what is curved after each.

The layers are the products that torch carries out, those of a recurrent layer one after the other.
Where a model is not called, they are guessed from its parameters.
"""

import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gnlab.guards import generators
from gnlab.guards.exclusive import alone
from gnlab.guards.graphless import graphless
from gnlab.guards.unmoved import unmoved
from gnlab.partitions.naming import home
from gnlab.partitions.products import Products, numbers, taken_apart


@dataclass(frozen=True, slots=True)
class Layer:
    """A product of a module that owns parameters, as it is executed; of most modules the only one.

    Attributes:
        name: The module's name; "" for a product in none.
        work: The multiply-accumulates of the product; of a module without any, one for each value
            that it returns.
        values: The values that it returns.
        curved: The values of the bent functions that come before the next layer: activations,
            softmaxes, normalisations; a rectifier is not bent.
        factors: Of a product of two values, as in attention, the numbers of one; 0 for a weight's.
    """

    name: str
    work: int
    values: int
    curved: int = 0
    factors: int = 0


class _Executed:
    """The layers as they come.

    Attributes:
        layers: Those that came.
    """

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self._within: list[str] = []
        self._counted: list[bool] = []

    def enter(self, name: str) -> None:
        """A module begins: its parameters' groups start here, whatever it calls first."""
        self.layers.append(Layer(name, 0, 0))
        self._within.append(name)
        self._counted.append(False)

    def product(self, work: int, values: int, factors: int) -> None:
        """A product of the innermost module that owns parameters."""
        name = self._within[-1] if self._within else ""
        if self._counted:
            self._counted[-1] = True
        self._put(Layer(name, work, values, 0, factors))

    def bent(self, values: int) -> None:
        """A bent function of what there is so far; before the first layer nothing depends on it."""
        if self.layers:
            last = self.layers[-1]
            self.layers[-1] = replace(last, curved=last.curved + values)

    def leave(self, output: Any) -> None:
        """A module ends; one without a product of its own has at least made its values."""
        name, values = self._within.pop(), numbers(output)
        if not self._counted.pop():
            self._put(Layer(name, values, values))

    def _put(self, layer: Layer) -> None:
        """Add a layer, in place of the beginning that is all there is of it."""
        last = self.layers[-1] if self.layers else layer
        if last is not layer and last.name == layer.name and not last.values:
            layer = replace(layer, curved=self.layers.pop().curved)
        self.layers.append(layer)


def executed(model: nn.Module, inputs: Any) -> list[Layer]:
    """The layers in the order of their execution, with their work.

    Args:
        model: The model; it is called once, without gradients, and left as it was.
        inputs: A batch of inputs; on the meta device nothing is computed.

    Returns:
        The layers. Counted are the products that torch carries out: of matrices, of convolutions,
        of attention. If there is no work at all, they are guessed, see ``guessed``.
    """
    with alone(model):
        seen = graphless(lambda: _seen(model, inputs))
    if gradient(seen.layers):
        return seen.layers
    return guessed(model, len(inputs) if isinstance(inputs, Tensor) and inputs.dim() else 1)


def _seen(model: nn.Module, inputs: Any) -> "_Executed":
    """What one call of a model carries out."""
    seen = _Executed()
    with ExitStack() as stack:  # the hooks are called by whoever calls the model
        gpus = {p.device for p in model.parameters() if p.device.type == "cuda"}
        for name, module in model.named_modules():
            if next(module.parameters(recurse=False), None) is not None:
                before = module.register_forward_pre_hook(lambda *_, name=name: seen.enter(name))
                stack.callback(before.remove)
                after = module.register_forward_hook(lambda _, __, output: seen.leave(output))
                stack.callback(after.remove)
        stack.enter_context(unmoved(model))
        stack.enter_context(torch.random.fork_rng(devices=list(gpus)))
        stack.enter_context(generators.kept())
        stack.enter_context(taken_apart())
        stack.enter_context(Products(seen.product, seen.bent))
        model(inputs)
    return seen


def guessed(model: nn.Module, samples: int = 1) -> list[Layer]:
    """The layers in the model's own order, each weight used once per sample.

    Args:
        model: The model.
        samples: How many samples.

    Returns:
        The layers, one for each module that owns parameters, or for each of a module's matrices,
        and a bent function after each. Where nothing is a matrix, every parameter element counts
        as a weight.
    """
    modules = _by_module(model)
    some = any(p.dim() > 1 for own in modules.values() for p in own.values())
    found = []
    for module, own in modules.items():
        matrices = [p for p in own.values() if p.dim() > 1]
        if len(matrices) > 1:
            products = [(m.numel(), n) for m, n in zip(matrices, _results(matrices), strict=True)]
        else:
            work = sum(p.numel() for p in (matrices if some else own.values()))
            products = [(work, max(p.shape[0] if p.dim() else 1 for p in own.values()))]
        found += [
            Layer(module, samples * work, samples * values, samples * values)
            for work, values in products
        ]
    return found


def places(model: nn.Module) -> dict[str, tuple[str, int, int]]:
    """Where each parameter is used within its module, should that have a product for each matrix.

    Args:
        model: The model.

    Returns:
        By parameter name its module, how many of the module's matrices come before it (of a
        vector: before the one that it follows), and how many the module has.
    """
    found = {}
    for module, own in _by_module(model).items():
        passed, every = 0, sum(p.dim() > 1 for p in own.values())
        for name, p in own.items():
            passed += p.dim() > 1
            found[name] = module, max(passed - 1, 0), every
    return found


def _by_module(model: nn.Module) -> dict[str, dict[str, Tensor]]:
    """The parameters of each module that owns any, by name."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, p in model.named_parameters():
        found.setdefault(home(name)[0], {})[name] = p
    return found


def _results(matrices: Sequence[Tensor]) -> list[int]:
    """How many values a product with each matrix gives: its rows, or its columns if they chain."""
    pairs = [(a.shape, b.shape) for a, b in itertools.pairwise(matrices)]
    turned = all(a[-1] == b[0] for a, b in pairs) and any(a[0] != b[-1] for a, b in pairs)
    return [m.shape[-1 if turned else 0] for m in matrices]


def gradient(layers: Sequence[Layer]) -> int:
    """The multiply-accumulates of one gradient of a chain of layers.

    Args:
        layers: The layers in the order of their execution.

    Returns:
        Those of the forward pass, of the inputs' gradients but the first's, and of the weights'.
    """
    first = next((layer.work for layer in layers if layer.work), 0)
    return 3 * sum(layer.work for layer in layers) - first
