"""Whether a graph's derivatives can be had again and again, looked up in the graph itself.

``torch.autograd.grad`` with respect to given inputs runs only what leads to them. A function that
has but one derivative leaves a node there that raises when it runs, with nothing behind it: its
derivative then counts as a constant, and no error is met. And some kernels have a wrong derivative
of a higher order. Where their call is seen it is replaced by its formula; within a scripted
function it is not, and shows in the graph alone.
"""

import inspect
import types
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gnlab.errors import InputError

_BARRIER = "torch::autograd::Error"

_WRONG = {
    "NativeLayerNormBackward0": ("third", "layer_norm"),
    "WeightNormInterfaceBackward0": ("second", "weight_norm"),
}
"""Kernels by the name of their node: which of their derivatives is wrong, and their function."""


def check_differentiable(values: Iterable[Tensor]) -> None:
    """Raise if torch would give a wrong derivative of some values without a word.

    Args:
        values: The values with their graphs: a loss, and its gradient made with a graph.

    Raises:
        InputError: If it would; the message names the function or the kernel.
    """
    nodes: list[Any] = [value.grad_fn for value in values][::-1]
    seen = set(nodes)
    while nodes:
        node = nodes.pop()
        if node is None:
            continue
        _check(node)
        fresh = {parent for parent, _ in node.next_functions} - seen
        seen |= fresh
        nodes.extend(fresh)


def _check(node: Any) -> None:
    """Raise if a node of a graph has no derivative that is right."""
    name = node.name()
    if name == _BARRIER or _is_once(node):
        function = "an autograd.Function" if name == _BARRIER else node._forward_cls.__name__
        raise InputError(
            f"{function} of the model or the loss is marked @once_differentiable, so there is no "
            "second derivative; write its backward in torch's operations and remove the mark."
        )
    if name in _WRONG:
        order, kernel = _WRONG[name]
        raise InputError(
            f"torch's {order} derivative of its fused {kernel} is wrong, and the call cannot be "
            "seen and replaced (is it in a torch.jit.script function?); "
            f"call {kernel} from Python, or write it out."
        )
    if name == "EmbeddingBackward0" and node._saved_scale_grad_by_freq:
        raise InputError(
            "embedding with scale_grad_by_freq=True has no summary: its gradient is not the "
            "derivative of any loss. Set it to False."
        )


def _is_once(node: Any) -> bool:
    """Whether a node is a person's function whose derivative is marked to have none."""
    if not isinstance(node, torch._C._FunctionBase):
        return False
    kind: Any = type(node)
    function = kind._forward_cls
    return any(
        _is_mark(inspect.unwrap(f, stop=_is_mark)) for f in (function.backward, function.vjp)
    )


def _is_mark(function: Any) -> bool:
    """Whether a function is what ``once_differentiable`` returns."""
    return isinstance(function, types.FunctionType) and function.__code__ is _MARK.__code__


@once_differentiable
def _marked(ctx: Any) -> None:
    """Nothing, marked: all marks have their code in common."""


_MARK: Any = _marked
