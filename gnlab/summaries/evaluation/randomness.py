"""The random state, kept: what a measurement draws leaves no trace, and can be drawn again.

It is torch's, and that of the global generators of Python and NumPy (``guards.generators``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gnlab.guards import generators


class RandomState:
    """The random state as it is: torch's on CPU and a device; Python's and NumPy's once held.

    To take theirs takes longer than all of a small summary's Python where it is repeated, and
    what is repeated draws nothing.

    Attributes:
        device: The device.

    Args:
        device: The device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._torchs = _torchs(device)
        self._others: generators.State | None = None

    def hold(self) -> "RandomState":
        """Take Python's and NumPy's too, as they are at the first call of this.

        Returns:
            Itself.
        """
        if self._others is None:
            self._others = generators.state()
        return self

    def restore(self) -> None:
        """Set all generators to the state; Python's and NumPy's if they are held."""
        torch.set_rng_state(self._torchs[0])
        for other in self._torchs[1:]:
            torch.get_device_module(self.device).set_rng_state(other, self.device)
        if self._others is not None:
            generators.set_state(self._others)

    def is_past(self) -> bool:
        """Whether anything has been drawn since; of Python's and NumPy's if they are held."""
        now = _torchs(self.device)
        if any(not a.equal(b) for a, b in zip(self._torchs, now, strict=True)):
            return True
        return self._others is not None and not generators.is_state(self._others)


@contextmanager
def same_random_state(device: torch.device, *, held: bool = True) -> Iterator[RandomState]:
    """A context after which the random state is as before.

    Args:
        device: The device whose state is kept beside the CPU's.
        held: Whether Python's and NumPy's states are taken at once; else whoever lets anything
            draw from them holds what this yields before.

    Yields:
        RandomState: The state before.
    """
    state = RandomState(device)
    if held:
        state.hold()
    try:
        yield state
    finally:
        state.restore()


def _torchs(device: torch.device) -> tuple[Tensor, ...]:
    """Torch's random state of the CPU, and of ``device`` if that is another."""
    if device.type == "cpu":
        return (torch.get_rng_state(),)
    return torch.get_rng_state(), torch.get_device_module(device).get_rng_state(device)
