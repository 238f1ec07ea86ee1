"""Random streams: every random choice of a problem is a pure function of a seed and a purpose.

No choice draws from, or leaves a trace on, torch's global generator; so two purposes never
disturb each other, and a rewound run meets the same numbers again.
"""

import enum

import numpy as np
import torch

from gnlab.errors import check_number

SEED_MAX = 2**31 - 1


class Stream(enum.IntEnum):
    """What a random stream is for; each purpose has numbers of its own."""

    initialisation = 0
    points = 1
    split = 2
    train_batches = 3
    summary_batches = 4
    start = 5


def generator(seed: int, stream: Stream, *position: int) -> torch.Generator:
    """A fresh generator, on the CPU, for one purpose.

    Args:
        seed: The run's seed, from 0 to 2³¹ − 1; another is an ``InputError``.
        stream: The purpose.
        *position: Numbers that tell draws of one purpose apart, such as an epoch; each ≥ 0.

    Returns:
        The generator; the same arguments give the same numbers.
    """
    check_number("seed", seed, low=0, high=SEED_MAX, integer=True)
    # Neighbouring seeds must give unrelated numbers, which a plain manual_seed does not promise.
    mixed = np.random.SeedSequence([int(seed), int(stream), *position])
    return torch.Generator().manual_seed(int(mixed.generate_state(1, np.uint64)[0] >> 1))
