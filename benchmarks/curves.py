"""What-if curves as cases of ``benchmarks.element``: their time, and what each level costs."""

import statistics
import time
from collections.abc import Callable

import numpy as np

import gnlab

CURVES = ("digits-mlp", "moons")  # presets whose ladders are gone through
MOST = 256  # groups, as in the lab
COSTS = {"digits-mlp": 2000, "moons": 400, "lenet-cifar10": 500}  # groups at most


def seconds(work: Callable[[], object]) -> float:
    """The time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def what_if(preset: str, rounds: int) -> dict[str, object]:
    """Time what one step would bring at every level, from a run's first step.

    Args:
        preset: The run's problem.
        rounds: How often; the first time of all, which finds the ladder, is apart.

    Returns:
        How many levels are tried and the S of the finest, the seconds of the first time and of each
        other, their median, and how many levels have a step with the cubic term.
    """
    run = gnlab.Run(preset, device="cpu")
    run.step()
    first = seconds(lambda: gnlab.what_if(run, most=MOST))
    times = [seconds(lambda: gnlab.what_if(run, most=MOST)) for _ in range(rounds)]
    found = gnlab.what_if(run, most=MOST)
    tried = found.groups.values[found.groups.values <= MOST]
    solved = found.predicted.sel(cubic="with").notnull()
    return {
        "kind": "what-if",
        "levels": len(tried),
        "groups": int(tried.max()),
        "first_seconds": first,
        "rounds": times,
        "median_seconds": statistics.median(times),
        "status": f"{int(solved.sum())} of {len(tried)} levels have a step",
    }


def costs(preset: str, rounds: int) -> dict[str, object]:
    """Measure what each level costs in gradients, beside what it is predicted to.

    Args:
        preset: The run's problem.
        rounds: How often.

    Returns:
        S of each level, and the predicted and the median measured cost of its summary and its
        solve, in gradients; the median seconds of one gradient.
    """
    run = gnlab.Run(preset, device="cpu")
    run.step()
    most = COSTS[preset]
    found = [gnlab.what_if(run, most=most) for _ in range(rounds)]
    tried = found[0].groups.values <= most
    measured = {
        key: np.median([one[key].values[tried] for one in found], axis=0).tolist()
        for key in ("gradients", "solve_gradients")
    }
    return {
        "kind": "costs",
        "groups": found[0].groups.values[tried].tolist(),
        **{key: found[0][key].values[tried].tolist() for key in ("cost", "solve_cost")},
        **measured,
        "median_seconds": statistics.median(one.attrs["gradient_seconds"] for one in found),
        "status": f"{int(tried.sum())} levels",
    }
