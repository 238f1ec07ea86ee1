"""How a function that torch has in Python is seen through, and where a result's adjoint is."""

import functools
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

_DISPATCH = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


def is_pure_python(func: Callable[..., Any]) -> bool:
    """Whether a function of torch's is made of others in Python."""
    module = getattr(func, "__module__", None) or ""
    return isinstance(func, types.FunctionType) and module.split(".")[0] == "torch"


@functools.cache
def undispatched(func: types.FunctionType) -> Callable[..., Any]:
    """A Python function of torch's without its own question whether somebody watches."""
    blind = dict.fromkeys(_DISPATCH, lambda *_: False)
    copy = types.FunctionType(
        func.__code__, {**func.__globals__, **blind}, func.__name__, func.__defaults__,
        func.__closure__,
    )  # fmt: skip
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


def edge_of(tensor: Tensor) -> GradientEdge:
    """Where a result's adjoint is found."""
    node = tensor.grad_fn
    if node is None or isinstance(node, torch._C._FunctionBase):
        return get_gradient_edge(tensor)
    return GradientEdge(node, tensor.output_nr)


def origin_of(tensor: Tensor) -> str:
    """What made a value without being seen, for a person: by torch's name of its derivative."""
    node = tensor.grad_fn
    if node is None:
        return f"a tensor {list(tensor.shape)} that is no parameter of the model"
    name = node.name().removeprefix("torch::autograd::")
    if name == "CopySlices":
        return "an assignment to a part of a tensor"
    return f"{name}, which was not seen"
