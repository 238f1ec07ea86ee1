"""One thread at a time computes with a model, where several threads have it.

A summary puts other tensors in the places of a model's own for a while, and a step overwrites
them: a notebook asks for summaries of a model that an engine's thread trains. Who only looks, for a
partition or the work of a summary, would see what stands in the places for a while.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from gnlab.errors import InputError, shown

_changed = threading.Condition()
_claims: dict[int, tuple[int, int]] = {}  # by a module's id: the thread, and how often it has it


@contextmanager
def alone(model: nn.Module) -> Iterator[None]:
    """A context in which no other thread is in one with any of the same modules.

    Another waits; the same may go in again.

    Args:
        model: The model. Its modules are asked for, as its parameters may just be replaced.

    Yields:
        Nothing.

    Raises:
        InputError: If it is no model.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model must be a torch.nn.Module; got {shown(model)}.")
    kept = list(model.modules())  # alive, so that nothing else gets the id of one
    keys, me = {id(module) for module in kept}, threading.get_ident()
    with _changed:
        _changed.wait_for(lambda: all(_claims.get(key, (me, 0))[0] == me for key in keys))
        for key in keys:
            _claims[key] = me, _claims.get(key, (me, 0))[1] + 1
    try:
        yield
    finally:
        with _changed:
            for key in keys:
                times = _claims.pop(key)[1] - 1
                if times:
                    _claims[key] = me, times
            _changed.notify_all()
