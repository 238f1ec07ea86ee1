"""Scikit-learn's embedded digits: 1797 real handwritten digits of 8×8 pixels, no download.

Legend: N images.
"""

import functools
import importlib.util
from pathlib import Path

import numpy as np
import torch

from gnlab.problems.problem import Data, Normalisation
from gnlab.problems.streams import Stream, generator

VALIDATION_SIZE = 297
# The mean and the standard deviation of the training part, whose pixels run from 0 to 16.
NORMALISATION = Normalisation(mean=(0.3053,), std=(0.3761,), scale=16.0)
_SPLIT_SEED = 0


@functools.cache
def digit_sets() -> tuple[Data, Data]:
    """The training and the validation digits, split at random once and for all.

    Returns:
        1500 and 297 images, uint8 [N, 1, 8, 8], with their classes.
    """
    table = _table()
    images = torch.from_numpy(table[:, :64].astype(np.uint8)).view(-1, 1, 8, 8)
    targets = torch.from_numpy(table[:, 64].astype(np.int64))
    # The file lists its writers one after the other; the order must not decide the split.
    order = torch.randperm(
        len(targets), generator=generator(_SPLIT_SEED, Stream.split), device="cpu"
    )
    validation, train = order[:VALIDATION_SIZE], order[VALIDATION_SIZE:]
    return (
        Data(images[train], targets[train], NORMALISATION),
        Data(images[validation], targets[validation], NORMALISATION),
    )


def _table() -> np.ndarray:
    """The digits as scikit-learn ships them: 64 pixels and the class per row, float64 [N, 65]."""
    found = importlib.util.find_spec("sklearn")
    for folder in (found.submodule_search_locations or []) if found else []:
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            # Read by itself it takes 20 ms; importing scikit-learn for it takes two seconds, and
            # this is the first thing that a person who opens the lab waits for.
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits  # noqa: PLC0415  (slow, see above)

    images, targets = load_digits(return_X_y=True)
    return np.column_stack([images, targets])
