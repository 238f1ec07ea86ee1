"""Random choices inside a model (dropout and the like) as a pure function of seed and step.

A rewound, branched or resumed run then repeats bit for bit without any random state in its
checkpoints, runs that take turns do not disturb each other, and in a notebook the person's own
random numbers are as if the run did not exist.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(device: torch.device, *numbers: int) -> Iterator[None]:
    """Let torch's global generators follow from numbers within a block, and restore them after.

    Args:
        device: The device whose generator is seeded beside the CPU's.
        *numbers: What the random numbers shall follow from, each ≥ 0.

    Yields:
        Nothing.
    """
    # A mixing of the numbers that is cheap: this is done several times in every step.
    mixed = hash(numbers) & (2**63 - 1)
    before = torch.get_rng_state()
    before_cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    torch.default_generator.manual_seed(mixed)
    if before_cuda is not None:
        torch.cuda.manual_seed(mixed)
    try:
        yield
    finally:
        torch.set_rng_state(before)
        if before_cuda is not None:
            torch.cuda.set_rng_state(before_cuda, device)
