"""Transforms of a function (``torch.func``), within which nothing is recorded.

What a transform wraps is another tensor to torch than what the model holds, and what comes out of
it has an origin that nobody has seen.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gnlab.summaries.rules import NoRuleError

_NAMES = {"Vmap": "torch.func.vmap", "Jvp": "torch.func.jvp", "Grad": "torch.func.grad or vjp"}


def transform() -> str | None:
    """The innermost transform at work, for a person; None if there is none."""
    interpreter = torch._C._functorch.peek_interpreter_stack()
    if interpreter is None:
        return None
    return _NAMES.get(interpreter.key().name, "a transform of torch.func")


def check_untransformed(name: str, given: Any) -> None:
    """Raise if a call is within a transform and may depend on the parameters.

    Args:
        name: The operation's plain name.
        given: The call's arguments.

    Raises:
        NoRuleError: If so; the message names the transform.
    """
    found = transform()
    if found is None or not torch.is_grad_enabled():
        return
    with torch._C.DisableTorchFunction():
        for tensor in tree_leaves(given):
            if isinstance(tensor, Tensor) and _unwrapped(tensor).requires_grad:
                raise NoRuleError(f"{name} within {found}")


def _unwrapped(tensor: Tensor) -> Tensor:
    """The tensor that all transforms at work have wrapped."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor
