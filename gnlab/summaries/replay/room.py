"""How much memory a computation that is repeated may take, and all of them together."""

import torch

LARGE = 64 * 2**20
"""Bytes of a computation that may take a little longer while it is recorded, to leave no holes."""
# Beyond it Python's part is a small one of the whole, and a program's memory, which is held from
# then on, would be much. A GPU is through with as much before Python has said what comes next.
_LARGEST = 256 * 2**20
_ALL = 512 * 2**20
_SHARE = 1 / 8  # of a GPU's memory, for what a computation makes and for all programs


def largest(device: torch.device) -> float:
    """The most bytes that a computation may make to be recorded.

    Args:
        device: Where it is.

    Returns:
        Bytes.
    """
    return _bytes(device, _LARGEST)


def room(device: torch.device) -> float:
    """The bytes that all programs' own memory may take.

    Args:
        device: Where they are.

    Returns:
        Bytes.
    """
    return _bytes(device, _ALL)


def _bytes(device: torch.device, otherwise: int) -> float:
    """The bytes that may be taken on a device."""
    if device.type != "cuda":
        return otherwise
    return _SHARE * torch.cuda.get_device_properties(device).total_memory
