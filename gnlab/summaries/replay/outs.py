"""Quick ways to call an operator again, and to say where its result goes.

Torch's Python functions take half the time of the operators beneath them, and most of them have an
argument ``out``. Which operator is which function of the same arguments is not written anywhere,
so it is tried, once for each operator.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.replay.nested import replaced

Function = Callable[..., Any]
Example = Callable[[], tuple[Any, Any]]
"""What gives arguments and keyword arguments to try an operator with."""

_found: dict[tuple[Any, bool], Function | None] = {}


def plain_name(func: Any) -> str:
    """An operator's name in torch, without the name of its overload."""
    name: str = func._schema.name
    return name.removeprefix("aten::")


def placing(func: Any, example: Example) -> Function | None:
    """The function that does what an operator does, and puts the result into ``out``.

    Args:
        func: The operator, which makes one tensor.
        example: Arguments to try it with.

    Returns:
        The function; None if there is none.
    """
    name = plain_name(func)
    if name in ("clone", "_to_copy"):
        return _copy
    return _tried(func, getattr(torch, name, None), example, out=True)


def writing(func: Any, example: Example) -> Function:
    """The quickest function that does what an operator that writes into an argument does.

    Args:
        func: The operator.
        example: Arguments to try it with; copies of them are written into.

    Returns:
        The function.
    """
    name = plain_name(func)
    quick = getattr(Tensor if name.endswith("_") else torch, name, None)
    slow: Function = func
    return _tried(func, quick, example, out=False) or slow


def _tried(func: Any, quick: Function | None, example: Example, *, out: bool) -> Function | None:
    """The quick function if it gives what the operator gives."""
    if quick is not None and (func, out) not in _found:
        try:
            _found[func, out] = quick if _same(func, quick, example, out) else None
        except (TypeError, ValueError, RuntimeError):
            _found[func, out] = None
    return _found.get((func, out))


def _same(func: Any, quick: Function, example: Example, out: bool) -> bool:
    """Whether both give the same."""

    def copied() -> Any:
        return replaced(Tensor, torch.clone, example())

    (given, named), (again, named_again) = copied(), copied()
    known = func(*given, **named)
    if out:
        made = torch.empty_strided(
            known.shape, known.stride(), dtype=known.dtype, device=known.device
        )
        named_again["out"] = made
    result = quick(*again, **named_again)
    if (result.shape, result.dtype) != (known.shape, known.dtype):
        return False
    # What torch had to give another shape or layout, which it would warn of, is no place for it.
    if out and (result.data_ptr(), result.stride()) != (made.data_ptr(), known.stride()):
        return False
    scale = float(known.abs().max()) if known.numel() and not known.dtype.is_complex else 0.0
    return torch.allclose(result, known, rtol=1e-5, atol=1e-7 * scale, equal_nan=True)


def _copy(source: Tensor, *_: Any, out: Tensor, **__: Any) -> Tensor:
    return out.copy_(source)
