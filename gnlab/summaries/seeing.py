"""How a function that torch has in Python is seen through, down to the operations it calls."""

import functools
import types
from collections.abc import Callable
from typing import Any

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
