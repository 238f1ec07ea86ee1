"""What an operation is called: torch has a function, a method and an operator of many of them."""

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch

_PLAIN = {
    "radd": "add", "iadd": "add", "isub": "sub", "rmul": "mul", "imul": "mul", "multiply": "mul",
    "truediv": "div", "itruediv": "div", "true_divide": "div", "divide": "div",
    "mm": "matmul", "bmm": "matmul", "subtract": "sub", "concat": "cat",
    "concatenate": "cat", "clip": "clamp", "absolute": "abs", "special_erf": "erf", "vdot": "dot",
    "ger": "outer", "inner": "dot", "ipow": "pow", "_threshold": "threshold",
    "log_sigmoid": "logsigmoid", "moveaxis": "movedim", "adjoint": "mH", "row_stack": "vstack",
    "fix": "trunc", "arctan2": "atan2", "special_expit": "sigmoid", "special_gammaln": "lgamma",
    "special_psi": "digamma",
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{
        f"special_{name}": name
        for name in ("erfc", "digamma", "logit", "xlogy", "log1p", "expm1", "exp2", "logsumexp",
                     "softmax", "log_softmax", "round")
    },
}  # fmt: skip
"""Other names of the same operations."""

LEAVING = frozenset({"set_data", "set", "numpy", "array", "dlpack", "share_memory"})
"""What could change a value unseen."""

NUMPYS = {"axis": "dim", "keepdims": "keepdim"}
"""Numpy's names of arguments, which torch knows too."""

HOOKED = frozenset({"register_hook", "grad_fn"})
"""What could change a gradient unseen."""

_MANY_NAMED: Mapping[str, Callable[..., Any]] = {"mul": torch.mul, "matmul": torch.matmul}
"""Operations of many names, as ones that overwrite nothing."""

_WRITING = frozenset({"iadd", "isub", "imul", "itruediv", "ipow", "setitem"})


@functools.lru_cache(maxsize=1024)
def plain_name(func: Callable[..., Any]) -> tuple[str, bool]:
    """An operation's plain name.

    Args:
        func: The operation.

    Returns:
        The name, and whether by its name it overwrites its first argument.
    """
    name: str = getattr(func, "__name__", str(func))
    if name in ("__set__", "__get__"):  # of a property, which is what has the name
        method: Any = func
        name = ("set_" if name == "__set__" else "") + method.__self__.__name__
    if name.startswith("adaptive_max_pool") and not isinstance(func, types.FunctionType):
        return f"{name}_with_indices", False  # torch's own has them always, functional when asked
    in_place = False
    if name.startswith("__"):
        name = name.strip("_")
        in_place = name in _WRITING
    elif name.endswith("_"):
        name, in_place = name[:-1], True
    return _PLAIN.get(name, name), in_place


def copying(name: str, func: Callable[..., Any], in_place: bool) -> Callable[..., Any]:
    """An operation as one that overwrites nothing, which jets may be given to.

    Args:
        name: Its plain name.
        func: The operation.
        in_place: Whether it overwrites its first argument.

    Returns:
        The operation that a rule calls.
    """
    own = _MANY_NAMED.get(name)
    if own is None and in_place:
        own = getattr(torch.Tensor, name, None)
    return func if own is None else own


def in_order(
    func: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as they are given as a rule: tensors by their place, the others by torch's names.

    Args:
        func: The operation.
        args: Its arguments.
        options: Its keyword arguments.

    Returns:
        The same, as arguments and keyword arguments.
    """
    if not NUMPYS.keys().isdisjoint(options):
        options = {NUMPYS.get(key, key): value for key, value in options.items()}
    by_name = any(isinstance(value, (torch.Tensor, list, tuple)) for value in options.values())
    # Of a function in Python the order is another now and then.
    if not by_name or isinstance(func, types.FunctionType):
        return args, options
    taken = _next_places(getattr(func, "__name__", ""), len(args), tuple(options))
    if taken:
        args = (*args, *(options[key] for key in taken))
        options = {key: value for key, value in options.items() if key not in taken}
    return args, options


@functools.lru_cache(maxsize=1024)
def _next_places(name: str, given: int, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Which keywords are those of the tensors whose place comes next, by torch's own signatures."""
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        names = ["input" if a.name == "self" else a.name for a in schema.arguments]
        if not set(keys) <= set(names[given:]):
            continue
        taken = []
        for key, argument in list(zip(names, schema.arguments, strict=True))[given:]:
            if key not in keys or argument.kwarg_only or "Tensor" not in str(argument.type):
                break
            taken.append(key)
        return tuple(taken)
    return ()


def is_told_to_write(options: Mapping[str, Any]) -> bool:
    """Whether an operation overwrites something by its keyword arguments."""
    return bool(options.get("inplace", False)) or options.get("out") is not None
