"""The rates between Cauchy and Newton, on quadratics of one spectrum and several couplings.

    python -m benchmarks.rates

A rate is a number of mathematics, not of a machine: what is stored repeats to the digits of
the table.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.results import FOLDER, Results
from gnlab.rates import measure, quadratic

SIZE, CONDITION = 64, 100.0
GROUPS = (1, 2, 4, 8, 16, 32, 64)
STARTS, STEPS = 20, 300
COUPLINGS = {
    "in 8 blocks, which are groups at S = 8": {"coupling": "block", "blocks": 8},
    "in 8 blocks, shuffled": {"coupling": "block", "blocks": 8, "shuffled": True},
    "with neighbours": {"coupling": "banded"},
    "with neighbours, shuffled": {"coupling": "banded", "shuffled": True},
    "of all with all": {"coupling": "dense"},
}


def spectrum() -> np.ndarray:
    """Eigenvalues from 1 to κ, their logarithms evenly spaced, in a random order."""
    values = np.geomspace(1.0, CONDITION, SIZE)
    return np.random.default_rng(0).permutation(values)


def main() -> None:
    """Measure every coupling that is not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER / "rates.json")
    results = Results(parser.parse_args().out)
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


if __name__ == "__main__":
    main()
