"""One step with a group for every element, the cubic solve by itself, and a whole what-if curve.

    python -m benchmarks.element [--case NAME ...] [--rounds 5] [--out FILE]

A step is a summary along the gradient and a solve, λ_int = 1; the two are timed apart. The models
of the solves by themselves are random, indefinite, with scales over two decades; "near the pole" b
has next to no component along the lowest curvature, so that the answer lies within rounding of it;
where it is "hard" there is none at all, in exact numbers, and "twice" the lowest curvature is there
two times. "On both" is an easy one on a GPU and on the processor's cores in turn, where there is a
GPU.
A what-if is one step from a run's state at every level of its ladder up to so many groups, with and
without the cubic term: the lab's button. A single case:

    python -m benchmarks.element --case what-if/digits-mlp

Costs are what a summary and a solve take at every level, in gradients of the same batch: counted,
and measured by what-if.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

import gnlab
from benchmarks.curves import COSTS, CURVES, costs, seconds, what_if
from benchmarks.results import FOLDER, Results, write
from benchmarks.summaries.memory import forget_peak, resident_peak
from gnlab.problems import networks

BATCH = 100
WIDTHS = {"perceptron, small": (20, 28, 12, 10), "perceptron": (64, 60, 14, 10)}
SIZES = (8, 50, 200, 1000, 2000)
HARD_SIZES = (50, 200, 1000)
SIZES_ON_BOTH = (256, 384, 512, 1000, 2000)
_SMALL = 100  # groups, up to which a solve is too short to be timed once


def digits() -> tuple[nn.Module, gnlab.Partition, tuple[torch.Tensor, torch.Tensor]]:
    """The digits network, at the batch of its own summaries."""
    problem = gnlab.problem("digits-mlp")
    size = problem.hyperparameters.summary_batch_size
    batch = problem.train.batch(torch.arange(size), "cpu")
    return problem.model, gnlab.partition(problem.model, "element"), batch


def perceptron(name: str) -> tuple[nn.Module, gnlab.Partition, tuple[torch.Tensor, torch.Tensor]]:
    """A tanh perceptron on random inputs."""
    widths = WIDTHS[name]
    model = networks.perceptron(widths, "tanh", seed=0)
    random = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, widths[0], generator=random)
    y = torch.randint(widths[-1], (BATCH,), generator=random)
    return model, gnlab.partition(model, "element"), (x, y)


def step(name: str, rounds: int) -> dict[str, object]:
    """Time one element step of a network, and see how much memory it takes.

    Args:
        name: "digits", or of WIDTHS.
        rounds: How often.

    Returns:
        P, the batch, the seconds of summary and solve, the solve's status, and the MiB held before
        and at most.
    """
    model, split, batch = digits() if name == "digits" else perceptron(name)
    loss_fn = nn.CrossEntropyLoss()
    forget_peak()
    before = resident_peak()
    times: dict[str, list[float]] = {"summary": [], "solve": []}
    status = ""
    for _ in range(rounds):
        start = time.perf_counter()
        summary = gnlab.summarise(model, loss_fn, batch, split)
        middle = time.perf_counter()
        status = gnlab.solve_cubic(summary.H, summary.g, summary.d).status.name
        times["summary"].append(middle - start)
        times["solve"].append(time.perf_counter() - middle)
    return {
        "kind": "step",
        "parameters": split.num_parameters,
        "batch": len(batch[1]),
        "rounds": times,
        "median_seconds": {key: statistics.median(found) for key, found in times.items()},
        "status": status,
        "before_mib": round(before / 2**20, 1),
        "peak_mib": round(resident_peak() / 2**20, 1),
    }


def model_of(size: int, near: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random cubic model.

    Args:
        size: S.
        near: Whether its minimiser lies next to the pole.

    Returns:
        H̄ [S, S], ḡ [S] and D [S].
    """
    rng = np.random.default_rng(size)
    A = rng.standard_normal((size, size)) / np.sqrt(size)
    K, d = (A + A.T) / 2, 10 ** rng.uniform(-1, 1, size)
    b = rng.standard_normal(size)
    if near:
        lowest = np.linalg.eigh(K)[1][:, 0]
        b = 0.1 * (b - (b @ lowest) * lowest) / np.linalg.norm(b) + 1e-9 * lowest
    H = K * np.outer(d, d)
    return (H + H.T) / 2, b * d, d


def hard_model_of(size: int, times: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A cubic model whose gradient has no component along its lowest curvature, exactly.

    Args:
        size: S.
        times: How often the lowest curvature is there.

    Returns:
        H̄ [S, S], ḡ [S] and D [S]; the groups of the lowest curvature are tied to no other, so that
        no rounding gives ḡ a component, and ḡ is so short that the step needs one.
    """
    rng = np.random.default_rng(size)
    A = rng.standard_normal((size, size)) / np.sqrt(size)
    K, d = (A + A.T) / 2, np.exp2(rng.integers(-3, 4, size).astype(float))
    b = 0.1 * rng.standard_normal(size) / np.sqrt(size)
    lowest = rng.permutation(size)[:times]
    K[lowest] = K[:, lowest] = 0.0
    K[lowest, lowest], b[lowest] = -2.0, 0.0  # below all others, which are within 1.5
    return K * np.outer(d, d), b * d, d


MODELS: Mapping[str, Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]]] = {
    "easy": lambda size: model_of(size, False),
    "near": lambda size: model_of(size, True),
    "hard": lambda size: hard_model_of(size, 1),
    "twice": lambda size: hard_model_of(size, 2),
}


def solve(size: int, model: str, rounds: int) -> dict[str, object]:
    """Time the cubic solve.

    Args:
        size: S.
        model: Of MODELS.
        rounds: How often; small models twenty times as often.

    Returns:
        S, the median seconds of all rounds, and the status.
    """
    H, g, d = MODELS[model](size)
    status = gnlab.solve_cubic(H, g, d).status.name
    count = rounds * (20 if size <= _SMALL else 1)
    times = [seconds(lambda: gnlab.solve_cubic(H, g, d)) for _ in range(count)]
    return {
        "kind": "solve",
        "groups": size,
        "model": model,
        "median_seconds": statistics.median(times),
        "least_seconds": min(times),
        "status": status,
    }


def solve_on_both(size: int, rounds: int) -> dict[str, object]:
    """Time the cubic solve of a model that is on a GPU, and of the same in the machine's memory.

    Args:
        size: S.
        rounds: How often, in turn.

    Returns:
        S, and the median seconds on each.
    """
    models = {
        device: [torch.from_numpy(values).to(device) for values in model_of(size, False)]
        for device in ("cpu", "cuda")
    }
    times: dict[str, list[float]] = {device: [] for device in models}
    for _ in range(1 + rounds):
        for device, model in models.items():
            times[device].append(seconds(lambda model=model: gnlab.solve_cubic(*model)))
    return {
        "kind": "solve on both",
        "groups": size,
        "median_seconds": {device: statistics.median(some[1:]) for device, some in times.items()},
        "status": gnlab.solve_cubic(*models["cuda"]).status.name,
    }


CASES: Mapping[str, Callable[[int], dict[str, object]]] = {
    **{name: lambda rounds, name=name: step(name, rounds) for name in ("digits", *WIDTHS)},
    **{
        f"solve/{size}/{model}": (lambda rounds, size=size, model=model: solve(size, model, rounds))
        for size in SIZES
        for model in MODELS
        if size in HARD_SIZES or model in ("easy", "near")
    },
    **{
        f"solve-on-both/{size}": lambda rounds, size=size: solve_on_both(size, rounds)
        for size in SIZES_ON_BOTH
    },
    **{
        f"what-if/{preset}": lambda rounds, preset=preset: what_if(preset, rounds)
        for preset in CURVES
    },
    **{f"costs/{preset}": lambda rounds, preset=preset: costs(preset, rounds) for preset in COSTS},
}


def main() -> None:
    """Measure the cases that are not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = [name for name in CASES if "both" not in name or torch.cuda.is_available()]
    parser.add_argument("--case", nargs="+", choices=CASES, default=usual)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=FOLDER / "element.json")
    arguments = parser.parse_args()
    results = Results(arguments.out)
    for name in arguments.case:
        if name not in results:
            found = CASES[name](arguments.rounds)
            write(f"{name:20s} {found['median_seconds']} {found['status']}")
            results.add(name, found)


if __name__ == "__main__":
    main()
