"""Steps per second without a page, each step with its summary, as the lab begins.

    python -m benchmarks.steps [--preset NAME ...] [--seconds 4] [--rounds 3]

The presets take turns, round by round, so that a machine that slows down slows all of them; the
medians are kept. MNIST and CIFAR-10 are needed: see ``GNLAB_DATA`` in the README.
"""

import argparse
import statistics
import time
from pathlib import Path

import gnlab
from benchmarks.results import FOLDER, Results, write
from gnlab import runs

PRESETS = ("digits-mlp", "mlp-mnist", "lenet-cifar10")


def rate(run: gnlab.Run, seconds: float) -> float:
    """Steps per second of a run.

    Args:
        run: The run; it goes on.
        seconds: How long to measure, in seconds, after two steps to get warm.

    Returns:
        Steps per second.
    """
    run.step()
    run.step()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        run.step()
        done += 1
    return done / (time.perf_counter() - start)


def main() -> None:
    """Measure the presets that are not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", default=list(PRESETS))
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=FOLDER / "steps.json")
    arguments = parser.parse_args()
    results = Results(arguments.out)
    made = {n: gnlab.Run(**runs.live(n)) for n in arguments.preset if n not in results}
    rates: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(arguments.rounds):
        for name, run in made.items():
            rates[name].append(rate(run, arguments.seconds))
    for name, run in made.items():
        settings = run.settings
        found = {
            "steps_per_second": statistics.median(rates[name]),
            "rounds": rates[name],
            "groups": run.record.H.shape[0] if run.record is not None else 0,
            "batch": settings.batch_size,
            "summary_batch": settings.summary_batch_size,
            "period": settings.period,
        }
        write(f"{name:16s} {found['steps_per_second']:6.1f} steps/s")
        results.add(name, found)


if __name__ == "__main__":
    main()
