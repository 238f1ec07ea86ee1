"""Recurrent layers without cuDNN, whose recurrent kernels have a first derivative only.

Torch's own kernels have every derivative. They are chosen by a switch that is one for all threads,
so it is off only while a recurrent layer is called.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch

from gnlab.guards.switches import Switches, attribute

_cudnn: Any = torch.backends.cudnn  # it has no types
_without = Switches(attribute(_cudnn, "enabled", False))


def _without_cudnn(layer: Callable[..., Any]) -> Callable[..., Any]:
    """A recurrent layer that is computed by torch's own kernels."""

    @functools.wraps(layer)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _without():
            return layer(*args, **kwargs)

    return call


_LAYERS: tuple[Callable[..., Any], ...] = (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)
RECURRENT = {layer: _without_cudnn(layer) for layer in _LAYERS}
"""What to call for each of torch's recurrent layers."""
