"""The rates between Cauchy and Newton, on quadratics of several spectra and couplings.

    python -m benchmarks.rates

First one size, one spectrum and every number of groups, then other spectra, then a few numbers of
groups and growing sizes: how far random starts stay below the slowest one as the coordinates grow
in number. A rate is a number of mathematics, not of a machine: what is stored repeats to the digits
of the tables.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from benchmarks.results import FOLDER, Results
from gnlab.rates import measure, quadratic

if TYPE_CHECKING:
    import xarray as xr

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
BOTH = ("of all with all", "with neighbours")
"""The couplings that other spectra and sizes are measured with."""
SPECTRA = {
    "evenly spaced": np.linspace(1, CONDITION, SIZE),
    "two clusters": np.append(np.linspace(1, 1.1, SIZE // 2), np.linspace(90, 100, SIZE // 2)),
    "4 large ones": np.append(np.geomspace(1, 5, SIZE - 4), np.geomspace(40, CONDITION, 4)),
    "4 small ones": np.append(np.geomspace(1, 3, 4), np.geomspace(20, CONDITION, SIZE - 4)),
    "κ = 10⁴": np.geomspace(1, 1e4, SIZE),
}
"""Eigenvalues other than those of ``spectrum``, P of them; of a network most are small."""


def spectrum(size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Eigenvalues from 1 to κ, their logarithms evenly spaced, in a random order."""
    values = np.geomspace(1.0, CONDITION, size)
    return np.random.default_rng(seed).permutation(values)


def of_all_levels(values: np.ndarray, options: Mapping[str, Any]) -> dict[str, object]:
    """The rates of one Hessian and their bounds, from one group to one for each coordinate.

    Args:
        values: Its eigenvalues, [P].
        options: The coupling, as ``quadratic`` takes it.

    Returns:
        The numbers of groups, what ``figures`` gives, and the condition number.
    """
    problem = quadratic(values, seed=0, **options)
    found = measure(problem, GROUPS, starts=STARTS, steps=STEPS)
    return {"groups": list(GROUPS), **figures(found), "condition": problem.condition}


def growing(size: int, options: Mapping[str, Any]) -> dict[str, object]:
    """The rates and their bounds of several Hessians of one size.

    Args:
        size: P.
        options: The coupling, as ``quadratic`` takes it.

    Returns:
        The numbers of groups, and for each Hessian what ``figures`` gives.
    """
    both = []
    for seed in range(HESSIANS):
        problem = quadratic(spectrum(size, seed), seed=seed, **options)
        both.append(measure(problem, FEW, starts=STARTS, steps=STEPS, seed=seed))
    each = [figures(found) for found in both]
    return {
        "size": size,
        "groups": list(FEW),
        **{name: [one[name] for one in each] for name in each[0]},
    }


def figures(found: "xr.Dataset") -> dict[str, list[float]]:
    """What a measurement says of each level.

    Args:
        found: The measurement.

    Returns:
        The "bound"; the "proved" factor of the level's own worst start, and the rate measured
        "from" it; the "slowest" and the "median" of the random starts; that of Cauchy's worst
        start, "cauchy"; and the "largest" factor of all.
    """
    chance = found.rate[:, :STARTS]
    columns = {
        "bound": found.bound,
        "proved": found.slow,
        "from": found.rate.sel(start="worst of the level"),
        "slowest": chance.max("start"),
        "median": chance.median("start"),
        "cauchy": found.rate.sel(start="worst"),
        "largest": found.largest.max("start"),
    }
    return {name: column.values.tolist() for name, column in columns.items()}


def main() -> None:
    """Measure every coupling and size that is not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER / "rates.json")
    parser.add_argument("--out-spectra", type=Path, default=FOLDER / "rates-spectra.json")
    parser.add_argument("--out-growing", type=Path, default=FOLDER / "rates-growing.json")
    arguments = parser.parse_args()
    results, larger = Results(arguments.out), Results(arguments.out_growing)
    others = Results(arguments.out_spectra)
    for name, options in tqdm(COUPLINGS.items()):
        if name not in results:
            results.add(name, of_all_levels(spectrum(), options))
    for name, values in tqdm(SPECTRA.items()):
        for coupling in BOTH:
            if (case := f"{name}, {coupling}") not in others:
                shuffled = np.random.default_rng(0).permutation(values)
                others.add(case, of_all_levels(shuffled, COUPLINGS[coupling]))
    for name in tqdm(BOTH):
        for size in SIZES:
            if (case := f"{name}, P = {size}") not in larger:
                larger.add(case, growing(size, COUPLINGS[name]))


if __name__ == "__main__":
    main()
