"""What is overwritten while it is recorded: what may not be, and what autograd loses by it."""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gnlab.summaries.recording.names import plain_name
from gnlab.summaries.recording.transforms import transform
from gnlab.summaries.rules import NoRuleError

_ASKING = frozenset({"requires_grad", "set_requires_grad"})


def check_writing(
    name: str, args: Sequence[Any], options: Mapping[str, Any], parameters: Container[int]
) -> None:
    """Raise if a parameter is about to be overwritten, or a value behind autograd's back.

    Args:
        name: The operation's plain name.
        args: Its arguments.
        options: Its keyword arguments.
        parameters: Where the parameters' memory begins.

    Raises:
        NoRuleError: If so.
    """
    given = args[0] if args else next(iter(options.values()), None)
    targets = tree_leaves((given, options.get("out")))
    with torch._C.DisableTorchFunction():
        for target in targets:
            if not isinstance(target, Tensor):
                continue
            if torch._C._functorch.is_functorch_wrapped_tensor(target):
                raise NoRuleError(f"{name}, in place, within {transform()}")
            if target.untyped_storage().data_ptr() in parameters:
                raise NoRuleError(f"{name}, in place, of a parameter")
            if target.requires_grad and not torch.is_grad_enabled():
                raise NoRuleError(f"{name}, in place, without a gradient")


def is_asking(func: Callable[..., Any], args: Sequence[Any], parameters: Container[int]) -> bool:
    """Whether a call says if a constant asks for a gradient; of a parameter it is an overwriting.

    Args:
        func: What is called.
        args: Its arguments.
        parameters: Where the parameters' memory begins.

    Returns:
        Whether it does; not of what a transform of a function wraps, whose memory is not seen.
    """
    if plain_name(func)[0] not in _ASKING:
        return False
    with torch._C.DisableTorchFunction():
        if torch._C._functorch.is_functorch_wrapped_tensor(args[0]):
            return False
        return args[0].untyped_storage().data_ptr() not in parameters


def of_its_own(result: Tensor, given: Any) -> Tensor:
    """A new value as a tensor of its own, even if torch made it as a view of one that nobody sees.

    When a view is overwritten autograd gives it another origin, past which the adjoints go by.

    Args:
        result: The value.
        given: What it was made of; a view of that stays one.

    Returns:
        The same numbers in the same memory.
    """
    if not result._is_view():
        return result
    place = result.untyped_storage().data_ptr()
    tensors = (t for t in tree_leaves(given) if isinstance(t, Tensor))
    if any(t.untyped_storage().data_ptr() == place for t in tensors):
        return result
    own: Tensor = torch.ops.aten._unsafe_view(result, result.shape)
    return own
