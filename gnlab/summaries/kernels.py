"""Which of its kernels torch takes where it has several that no function mode can tell apart."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch

_cuda: Any = torch.backends.cuda  # its functions have no types
_KERNELS: tuple[tuple[Callable[[], bool], Callable[[bool], None], bool], ...] = (
    (_cuda.flash_sdp_enabled, _cuda.enable_flash_sdp, False),
    (_cuda.mem_efficient_sdp_enabled, _cuda.enable_mem_efficient_sdp, False),
    (_cuda.cudnn_sdp_enabled, _cuda.enable_cudnn_sdp, False),
    (_cuda.math_sdp_enabled, _cuda.enable_math_sdp, True),
)
_lock = threading.Lock()
_before: list[list[bool]] = []  # what was chosen, once for each who is within
_stances: list[Any] = []  # the compiler's, likewise


@contextlib.contextmanager
def unfused_attention() -> Iterator[None]:
    """A context in which torch takes its unfused kernel for attention.

    Attention reached from within torch's own functions (``nn.MultiheadAttention``) is not seen by
    a function mode. Torch's own context does the same, ten times as slowly. The choice is one for
    all threads: the last to leave puts back what the first has found.
    """
    with _lock:
        _before.append(_before[0] if _before else [asked() for asked, _, _ in _KERNELS])
        for _, switch, wanted in _KERNELS:
            switch(wanted)
    try:
        yield
    finally:
        with _lock:
            found = _before.pop()
            if not _before:
                for (_, switch, _), enabled in zip(_KERNELS, found, strict=True):
                    switch(enabled)


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
