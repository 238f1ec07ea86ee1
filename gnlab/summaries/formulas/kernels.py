"""Which of its kernels torch takes where it has several that no function mode can tell apart."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any

import torch

from gnlab.guards.switches import Switches

_cuda: Any = torch.backends.cuda  # its functions have no types
_unfused = Switches(
    (_cuda.flash_sdp_enabled, _cuda.enable_flash_sdp, False),
    (_cuda.mem_efficient_sdp_enabled, _cuda.enable_mem_efficient_sdp, False),
    (_cuda.cudnn_sdp_enabled, _cuda.enable_cudnn_sdp, False),
    (_cuda.math_sdp_enabled, _cuda.enable_math_sdp, True),
)
_lock = threading.Lock()
_stances: list[Any] = []  # the compiler's, once for each who is within


def unfused_attention() -> contextlib.AbstractContextManager[None]:
    """A context in which torch takes its unfused kernel for attention.

    Attention reached from within torch's own functions (``nn.MultiheadAttention``) is not seen by
    a function mode. Torch's own context does the same, ten times as slowly.
    """
    return _unfused()


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """A context in which what ``torch.compile`` has compiled runs as it was written.

    Its kernels have no second derivative, and their compiler would trace what watches the
    operations. That too is one choice for all threads. Where the compiler was never loaded,
    nothing is compiled, and to load it takes seconds.
    """
    if "torch._dynamo" not in sys.modules:
        yield
        return
    compiler: Any = torch.compiler
    with _lock:  # made, a stance is taken already
        _stances.append(_stances[0] if _stances else compiler.set_stance("force_eager"))
    try:
        yield
    finally:
        with _lock:
            stance = _stances.pop()
            if not _stances:
                stance.__exit__(None, None, None)
