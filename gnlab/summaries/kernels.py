"""Which of its kernels torch takes where it has several that no function mode can tell apart."""

import contextlib
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


@contextlib.contextmanager
def unfused_attention() -> Iterator[None]:
    """A context in which torch takes its unfused kernel for attention.

    Attention reached from within torch's own functions (``nn.MultiheadAttention``) is not seen by
    a function mode. Torch's own context does the same, ten times as slowly.
    """
    before = [asked() for asked, _, _ in _KERNELS]
    try:
        for _, switch, wanted in _KERNELS:
            switch(wanted)
        yield
    finally:
        for (_, switch, _), enabled in zip(_KERNELS, before, strict=True):
            switch(enabled)
