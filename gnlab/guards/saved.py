"""What a graph saves is kept as it is: no layer is computed anew, nothing is packed away.

Checkpointed layers (``torch.utils.checkpoint``) and hooks on saved tensors (``save_on_cpu``) take
less memory for the same numbers. A summary is differentiated more than once, in operations that are
put in the places of torch's fused kernels: what is computed anew in the backward pass would be
those kernels again, seen by nobody.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch.utils.checkpoint
from torch.autograd.graph import disable_saved_tensors_hooks, saved_tensors_hooks

from gnlab.guards.switches import Switches, attribute

_here = threading.local()


class _Direct:
    """Stands in for torch's older kind of checkpoint."""

    @staticmethod
    def apply(function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """Call the layers; checkpoint them where nobody is within the context."""
        if getattr(_here, "within", 0):
            return function(*args)
        return _own(0).apply(function, preserve, *args)


def _enter(hooks: Any) -> None:
    """Begin to use hooks; within the context none are."""
    if not getattr(_here, "within", 0):
        _own(1)(hooks)


def _leave(hooks: Any, *exception: object) -> None:
    """End it."""
    if not getattr(_here, "within", 0):
        _own(2)(hooks, *exception)


_torchs = (
    torch.utils.checkpoint.CheckpointFunction,
    saved_tensors_hooks.__enter__,
    saved_tensors_hooks.__exit__,
)
_plain = Switches(
    attribute(torch.utils.checkpoint, "CheckpointFunction", _Direct),
    attribute(saved_tensors_hooks, "__enter__", _enter),
    attribute(saved_tensors_hooks, "__exit__", _leave),
)


def _own(index: int) -> Any:
    """What stands there by itself; the last thread within may just have left."""
    return (_plain.before or _torchs)[index]


@contextlib.contextmanager
def saved_as_it_is(otherwise: str) -> Iterator[None]:
    """A context in which graphs save tensors themselves, on this thread.

    Hooks that are in use already stay so: what they hand back are the same numbers.

    Args:
        otherwise: What torch is to say of hooks that come to be used all the same.

    Yields:
        Nothing.
    """
    with _plain(), contextlib.ExitStack() as stack:
        with contextlib.suppress(RuntimeError):  # torch's, where hooks are in use
            stack.enter_context(disable_saved_tensors_hooks(otherwise))
        _here.within = getattr(_here, "within", 0) + 1
        try:
            yield
        finally:
            _here.within -= 1
