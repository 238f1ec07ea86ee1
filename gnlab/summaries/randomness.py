"""Torch's random state, kept: what a measurement draws leaves no trace, and can be drawn again."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def same_random_state(device: torch.device) -> Iterator[None]:
    """A context after which torch's random state, on CPU and ``device``, is as before."""
    state = random_state(device)
    try:
        yield
    finally:
        set_random_state(device, state)


def random_state(device: torch.device) -> tuple[Tensor, ...]:
    """The random state of the CPU, and of ``device`` if that is another.

    Args:
        device: The device.

    Returns:
        One or two states, for ``set_random_state``.
    """
    if device.type == "cpu":
        return (torch.get_rng_state(),)
    return torch.get_rng_state(), torch.get_device_module(device).get_rng_state(device)


def set_random_state(device: torch.device, state: tuple[Tensor, ...]) -> None:
    """Set what ``random_state`` returned.

    Args:
        device: The same device.
        state: Its states.
    """
    torch.set_rng_state(state[0])
    for other in state[1:]:
        torch.get_device_module(device).set_rng_state(other, device)
