"""The rates between Cauchy and Newton, on quadratics of one spectrum and several couplings.

    python -m benchmarks.rates

First one size and every number of groups, then a few numbers of groups and growing sizes, which is
what the conjecture in docs/rates.md is about. A rate is a number of mathematics, not of a machine:
what is stored repeats to the digits of the tables.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.results import FOLDER, Results
from gnlab.rates import measure, quadratic

SIZE, CONDITION = 64, 100.0
GROUPS = (1, 2, 4, 8, 16, 32, 64)
STARTS, STEPS = 20, 300
SIZES, FEW, HESSIANS = (16, 32, 64, 128, 256), (2, 4, 8), 3
COUPLINGS = {
    "in 8 blocks, which are groups at S = 8": {"coupling": "block", "blocks": 8},
    "in 8 blocks, shuffled": {"coupling": "block", "blocks": 8, "shuffled": True},
    "with neighbours": {"coupling": "banded"},
    "with neighbours, shuffled": {"coupling": "banded", "shuffled": True},
    "of all with all": {"coupling": "dense"},
}


def spectrum(size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Eigenvalues from 1 to κ, their logarithms evenly spaced, in a random order."""
    values = np.geomspace(1.0, CONDITION, size)
    return np.random.default_rng(seed).permutation(values)


def growing(size: int, options: Mapping[str, Any]) -> dict[str, object]:
    """How far below the bound the slowest rate stays, of several Hessians of one size.

    Args:
        size: P.
        options: The coupling, as ``quadratic`` takes it.

    Returns:
        The numbers of groups, and for each Hessian the bounds and the slowest rates.
    """
    both = []
    for seed in range(HESSIANS):
        problem = quadratic(spectrum(size, seed), seed=seed, **options)
        both.append(measure(problem, FEW, starts=STARTS, steps=STEPS, seed=seed))
    return {
        "size": size,
        "groups": list(FEW),
        "bound": [found.bound.values.tolist() for found in both],
        "slowest": [found.rate.max("start").values.tolist() for found in both],
    }


def main() -> None:
    """Measure every coupling and size that is not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER / "rates.json")
    parser.add_argument("--out-growing", type=Path, default=FOLDER / "rates-growing.json")
    arguments = parser.parse_args()
    results, larger = Results(arguments.out), Results(arguments.out_growing)
    for name, options in tqdm(COUPLINGS.items()):
        if name in results:
            continue
        problem = quadratic(spectrum(), seed=0, **options)
        found = measure(problem, GROUPS, starts=STARTS, steps=STEPS)
        results.add(
            name,
            {
                "groups": list(GROUPS),
                "slowest": found.rate.max("start").values.tolist(),
                "median": found.rate.median("start").values.tolist(),
                "largest": found.largest.max("start").values.tolist(),
                "bound": found.bound.values.tolist(),
                "condition": problem.condition,
            },
        )
    for name in tqdm(("of all with all", "with neighbours")):
        for size in SIZES:
            if (case := f"{name}, P = {size}") not in larger:
                larger.add(case, growing(size, COUPLINGS[name]))


if __name__ == "__main__":
    main()
