"""Training without any page: by itself, and in the engine, which records it.

    python -m benchmarks.alone [--preset NAME] [--seconds 10]

What training has without a page is twofold. A run that a program steps does nothing else. A run in
the engine's process also records every step and publishes it, whether a page looks or not; that is
what an open page is to leave its speed to.
"""

import argparse
import subprocess
import sys
import tempfile
import time

import torch

import gnlab
from benchmarks.environment import ROOT
from benchmarks.results import write
from gnlab import runs
from gnlab.runs import Play, ProcessEngine, Settings

_WARM = 20  # steps before the clock starts
_SETTLED = 1.5  # and seconds
_PATIENCE = 120.0


def headless(preset: str, seconds: float) -> float:
    """Train in this process, on one thread as the engine does, and keep nothing.

    Args:
        preset: The problem.
        seconds: How long to measure, after a second to get warm.

    Returns:
        Steps per second.
    """
    torch.set_num_threads(1)
    run = gnlab.Run(preset)
    _steps(run, 1.0)
    start = time.perf_counter()
    done = _steps(run, seconds)
    return done / (time.perf_counter() - start)


def _steps(run: gnlab.Run, seconds: float) -> int:
    end = time.perf_counter() + seconds
    done = 0
    while time.perf_counter() < end:
        run.step()
        done += 1
    return done


def headless_elsewhere(preset: str, seconds: float) -> float:
    """Do what ``headless`` does in a process of its own.

    Args:
        preset: The problem.
        seconds: How long to measure.

    Returns:
        Steps per second.
    """
    command = [sys.executable, "-m", "benchmarks.alone", "--headless", "--preset", preset]
    command += ["--seconds", str(seconds)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def unwatched(preset: str, seconds: float) -> float:
    """Train in the engine's process, which records the run as the lab does; nobody looks.

    Args:
        preset: The problem.
        seconds: How long to measure, when the run is warm.

    Returns:
        Steps per second.

    Raises:
        TimeoutError: If the run does not begin.
    """
    with tempfile.TemporaryDirectory() as records:
        engine = ProcessEngine(record_dir=records)
        try:
            run_id = engine.open(Settings().changed(**runs.live(preset), device="cpu"))
            engine.send(run_id, Play())
            end = time.monotonic() + _PATIENCE
            while (begun := engine.snapshot(run_id)) is None or begun.step < _WARM:
                if time.monotonic() > end:
                    raise TimeoutError(f"{preset} did not begin in {_PATIENCE:.0f} s")
                time.sleep(0.05)
            time.sleep(_SETTLED)
            first = engine.snapshot(run_id)
            time.sleep(seconds)
            last = engine.snapshot(run_id)
        finally:
            engine.close()
    assert first is not None
    assert last is not None
    return (last.step - first.step) / (last.time - first.time)


def main() -> None:
    """Measure both once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="digits-mlp")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--headless", action="store_true", help="by itself only: one number")
    arguments = parser.parse_args()
    alone = headless(arguments.preset, arguments.seconds)
    if arguments.headless:
        sys.stdout.write(str(alone))
        return
    write(f"by itself      {alone:.1f} steps/s")
    write(f"in the engine  {unwatched(arguments.preset, arguments.seconds):.1f} steps/s")


if __name__ == "__main__":
    main()
