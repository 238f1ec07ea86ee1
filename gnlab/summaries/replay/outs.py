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
from gnlab.summaries.replay.operators import Operator

EMPTY = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"})
ZERO = frozenset({"zeros", "zeros_like", "new_zeros"})
FILLED = EMPTY | ZERO | {"ones", "ones_like", "new_ones", "full", "full_like", "new_full"}
"""What takes nothing of a tensor but its shape."""

Function = Callable[..., Any]
Example = Callable[[], tuple[Any, Any]]
"""What gives arguments and keyword arguments to try an operator with."""

_torch: Any = torch._C  # its functions have no types
_found: dict[tuple[Operator, bool], Function | None] = {}


def plain_name(func: Any) -> str:
    """An operator's name in torch, without the name of its overload."""
    name: str = func._schema.name
    return name.removeprefix("aten::")


def quickest(operator: Operator, example: Example, *, makes: int, writes: bool) -> Function:
    """The quickest way to call an operator again: one that takes ``out``, if it makes something.

    Args:
        operator: The operator.
        example: Arguments to try it with; what is written into is a copy of them.
        makes: How many tensors it makes.
        writes: Whether it writes into an argument instead.

    Returns:
        The operator itself, or another function that does the same.
    """
    name, way = operator.name, None
    if writes:
        quick = getattr(Tensor if name.endswith("_") else torch, name, None)
        way = _tried(operator, quick, example, out=False)
    elif name in EMPTY or name in ZERO:
        way = Tensor.zero_
    elif makes == 1:
        way = _placing(operator, example)
    return way or operator.func


def _placing(operator: Operator, example: Example) -> Function | None:
    """The function that does what an operator does, and puts the result into ``out``, or None."""
    if operator.name in ("clone", "_to_copy"):
        return _copy
    return _tried(operator, getattr(torch, operator.name, None), example, out=True)


def _tried(
    operator: Operator, quick: Function | None, example: Example, *, out: bool
) -> Function | None:
    """The quick function if it gives what the operator gives."""
    if quick is None:
        return None
    if (operator, out) not in _found:
        try:
            same = _same(operator.func, quick, example, out)
            _found[operator, out] = quick if same else None
        except (TypeError, ValueError, RuntimeError) as error:
            if "memory" in str(error):
                return None  # which says nothing about the function
            _found[operator, out] = None
    return _found[operator, out]


# Nobody who watches what is called is to see the trial, and no gradient goes through it.
@torch.inference_mode()
def _same(func: Any, quick: Function, example: Example, out: bool) -> bool:
    """Whether both give the same."""
    with _torch.DisableTorchFunction():
        return _agree(func, quick, example, out)


def _agree(func: Any, quick: Function, example: Example, out: bool) -> bool:
    """The same, where nobody watches."""

    def arguments() -> Any:
        # What is written into is a copy; what is only read may be large.
        return replaced(Tensor, torch.detach if out else torch.clone, example())

    (given, named), (again, named_again) = arguments(), arguments()
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
    scale = 0.0
    if known.is_floating_point() and known.numel():
        scale = float(known.abs().nan_to_num(0.0, 0.0, 0.0).max())
    return torch.allclose(result, known, rtol=1e-5, atol=1e-7 * scale, equal_nan=True)


def _copy(source: Tensor, *_: Any, out: Tensor, **__: Any) -> Tensor:
    return out.copy_(source)
