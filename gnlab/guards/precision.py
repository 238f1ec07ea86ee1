"""Full float32 on a GPU: no TensorFloat-32 while summaries are computed.

TF32 keeps ten bits of each factor. A gradient survives that; a second derivative, a difference of
large terms, does not, and torch uses it for convolutions unless told otherwise.
"""

import contextlib
from typing import Any

import torch

from gnlab.guards.switches import Switches, attribute

# Since 2.9 torch has a switch per operation, and raises if the old ones are mixed with them.
_NEW = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 9)
_NAME, _OFF = ("fp32_precision", "ieee") if _NEW else ("allow_tf32", False)
_cudnn: Any = torch.backends.cudnn  # its switches have no types
_SWITCHES = (torch.backends.cuda.matmul, _cudnn.conv if _NEW else _cudnn)
_full = Switches(*(attribute(switch, _NAME, _OFF) for switch in _SWITCHES))


def full_precision(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """A context in which a GPU multiplies float32 numbers as such; on a CPU nothing is done.

    Args:
        device: Where the computation is.

    Returns:
        The context.
    """
    return _full.on(device)


def chosen(device: torch.device) -> tuple[str | bool, ...]:
    """How a GPU multiplies float32 numbers now; nothing for a CPU.

    Args:
        device: Where the computation is.

    Returns:
        The switches' values.
    """
    return tuple(getattr(s, _NAME) for s in _SWITCHES) if device.type == "cuda" else ()
