"""Full float32 on a GPU: no TensorFloat-32 while summaries are computed.

TF32 keeps ten bits of each factor. A gradient survives that; a second derivative, a difference of
large terms, does not, and torch uses it for convolutions unless told otherwise.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

# Since 2.9 torch has a switch per operation, and raises if the old ones are mixed with them.
_NEW = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 9)


@contextlib.contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """A context in which a GPU multiplies float32 numbers as such; on a CPU nothing is done.

    Args:
        device: Where the computation is.

    Yields:
        None: Nothing.
    """
    if device.type != "cuda":
        yield
        return
    name, off = ("fp32_precision", "ieee") if _NEW else ("allow_tf32", False)
    cudnn: Any = torch.backends.cudnn
    switches = [torch.backends.cuda.matmul, cudnn.conv if _NEW else cudnn]
    before = [getattr(switch, name) for switch in switches]
    try:
        for switch in switches:
            setattr(switch, name, off)
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            setattr(switch, name, value)
