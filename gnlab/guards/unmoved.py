"""A forward pass that only looks: a model's buffers are afterwards as they were before."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from gnlab.guards.memory import repeats


@contextmanager
def unmoved(model: nn.Module) -> Iterator[None]:
    """Let a measurement leave no trace: restore a model's buffers after a block.

    A forward pass in training mode moves the running statistics of a batch norm, or puts another
    tensor in the place of a buffer.

    Args:
        model: The model.

    Yields:
        Nothing.
    """
    held = [(module._buffers, dict(module._buffers)) for module in model.modules()]
    # Nothing is written into what was expanded, nor can be.
    values = [(buffer, buffer.clone()) for buffer in model.buffers() if not repeats(buffer)]
    try:
        yield
    finally:
        for now, own in held:
            now.clear()
            now.update(own)
        with torch.no_grad():
            for buffer, value in values:
                buffer.copy_(value)
