"""Calls that an operation's rule does not know, and its formula does."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.rules import bounds, unbatched

Given = Sequence[Any]
"""What a call is given, by place and then by name."""


def is_beyond_its_rule(name: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Whether a call is one that the operation's rule does not know.

    Args:
        name: The operation's plain name.
        args: The call's arguments.
        options: Its keyword arguments.

    Returns:
        Whether a formula is to be taken.
    """
    beyond = _BEYOND.get(name)
    return beyond is not None and bool(args) and beyond((*args, *options.values()))


def _has_many_factors(given: Given) -> bool:
    """Whether an einsum is one of more tensors than two."""
    factors = given[1:] if len(given) > 2 else given[-1:]
    several = factors[0] if factors and isinstance(factors[0], (tuple, list)) else factors
    return isinstance(given[0], str) and len(several) > 2


def _varies(given: Given) -> bool:
    """Whether anything but the first argument depends on the parameters, or is larger than that."""
    others = [other for other in given[1:] if isinstance(other, Tensor)]
    return any(other.requires_grad or _widens(other, given[0]) for other in others)


def _widens(b: Tensor, x: Tensor) -> bool:
    """Whether what comes of x and b has another shape than x."""
    sizes = zip(reversed(b.shape), reversed(x.shape), strict=False)
    return b.dim() > x.dim() or any(m not in (1, n) for m, n in sizes)


def _is_of_numbers(given: Given) -> bool:
    """Whether a power is a number's, or has an exponent that varies."""
    return not isinstance(given[0], Tensor) or _varies(given)


def _has_dtype(given: Given) -> bool:
    """Whether a softmax is asked for in a dtype."""
    return any(isinstance(each, torch.dtype) for each in given)


def _has_varying_targets(given: Given) -> bool:
    """Whether a loss's second argument depends on the parameters."""
    return len(given) > 1 and isinstance(given[1], Tensor) and given[1].requires_grad


def _is_single(name: str) -> Callable[[Given], bool]:
    return lambda given: unbatched.is_single(name, given[0])


_BEYOND: Mapping[str, Callable[[Given], bool]] = {
    **dict.fromkeys(bounds.FORMULAS, _varies), "pow": _is_of_numbers,
    "einsum": _has_many_factors, "cross_entropy": _has_varying_targets,
    "softmax": _has_dtype,
    **{name: _is_single(name) for name in unbatched.FORMULAS},
}  # fmt: skip
"""Whether a call is beyond the rule, by the operation's plain name."""
