"""Which of its kernels torch takes where it has several that no function mode can tell apart."""

from contextlib import AbstractContextManager
from typing import Any

import torch

from gnlab.partitions.switches import Switches

_cuda: Any = torch.backends.cuda  # its functions have no types
_unfused = Switches(
    (_cuda.flash_sdp_enabled, _cuda.enable_flash_sdp, False),
    (_cuda.mem_efficient_sdp_enabled, _cuda.enable_mem_efficient_sdp, False),
    (_cuda.cudnn_sdp_enabled, _cuda.enable_cudnn_sdp, False),
    (_cuda.math_sdp_enabled, _cuda.enable_math_sdp, True),
)


def unfused_attention() -> AbstractContextManager[None]:
    """A context in which torch takes its unfused kernel for attention.

    Attention reached from within torch's own functions (``nn.MultiheadAttention``) is not seen by
    a function mode. Torch's own context does the same, ten times as slowly.
    """
    return _unfused()
