"""Random choices inside a model (dropout and the like) as a pure function of seed and step.

A rewound, branched or resumed run then repeats bit for bit without any random state in its
checkpoints, runs that take turns do not disturb each other, and in a notebook the person's own
random numbers are as if the run did not exist.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gnlab.guards import generators


@contextmanager
def seeded(device: torch.device, *numbers: int) -> Iterator[None]:
    """Let all global generators follow from numbers within a block, and restore them after.

    Python's and NumPy's are among them: a model may draw from those.

    Args:
        device: The device whose generator is seeded beside the CPU's.
        *numbers: What the random numbers shall follow from, each ≥ 0.

    Yields:
        Nothing.
    """
    # A mixing of the numbers that is cheap: this is done several times in every step.
    mixed = hash(numbers) & (2**63 - 1)
    own = [torch.default_generator]
    if device.type == "cuda":
        # The device's own, which need not be the present one's that torch.cuda.manual_seed seeds.
        own.append(torch.cuda.default_generators[device.index])
    before = [generator.get_state() for generator in own]
    with generators.kept():
        for generator in own:
            generator.manual_seed(mixed)
        generators.seed(mixed)
        try:
            yield
        finally:
            for generator, state in zip(own, before, strict=True):
                generator.set_state(state)
