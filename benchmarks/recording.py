"""The first stay at a level, step by step: what it costs that its summary is recorded.

    python -m benchmarks.recording [--preset NAME ...] [--rounds 9] [--stay 16] [--longest 0.5]

Some steps after the slider was moved a summary that comes again is recorded to be repeated, in
pieces, and those steps take longer. ``benchmarks.slider`` tells the longest of all gaps, which on a
machine that pauses by itself are the machine's. Here the same stay is made anew in a new engine
each round, and each of its steps is the median over the rounds: a pause by chance does not come at
the same step again, one that the recording makes does.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.results import FOLDER, Results, write
from benchmarks.watch import Stay, Watch, engine_beside
from gnlab import runs
from gnlab.runs import Engine, Play, Settings

PRESETS = ("digits-mlp", "moons")
_NEW = 2  # the steps after the first of a level whose summaries are surely made anew


def by_place(stays: Sequence[Stay]) -> list[float]:
    """The seconds of each step of a stay.

    Args:
        stays: The same stay in several rounds.

    Returns:
        Of the second step at the level, the third and so on, the median over the rounds.
    """
    rounds = [[gap.step for gap in stay.rest for _ in range(gap.made)] for stay in stays]
    return [statistics.median(found) for found in zip(*rounds, strict=False)]


def told(groups: int, stays: Sequence[Stay]) -> dict[str, object]:
    """What is to be kept of a level.

    Args:
        groups: S.
        stays: Its stay in each round.

    Returns:
        S, the step made anew and the slowest of the later ones in milliseconds, which step at the
        level that is, and how many steps were missed in it.
    """
    steps = by_place(stays)
    anew, later = statistics.median(steps[:_NEW]), steps[_NEW:]
    slowest = max(later)
    return {
        "groups": groups,
        "anew_ms": round(1e3 * anew, 2),
        "slowest_ms": round(1e3 * slowest, 2),
        "place": 2 + _NEW + later.index(slowest),
        "missed": round(max(0.0, slowest / anew - 1), 2),
        "repeated_ms": round(1e3 * steps[-1], 2),
    }


def visit(engine: Engine, preset: str, stay: int, longest: float) -> dict[str, tuple[int, Stay]]:
    """Go up the levels of a run that plays, once.

    Args:
        engine: A new engine.
        preset: The run's problem.
        stay: How many steps to stay at each.
        longest: The seconds of a step, beyond which no finer level is gone to.

    Returns:
        By each level's name its S and the stay.
    """
    run_id = engine.open(Settings().changed(**runs.live(preset), device="cpu"))
    engine.send(run_id, Play())
    watch = Watch(engine, run_id)
    begun, _ = watch.next()
    found: dict[str, tuple[int, Stay]] = {}
    for level in begun.levels:
        if level.refusal:
            break
        seen = watch.move(level.name, stay)
        found[level.name] = level.S, seen
        if statistics.median(by_place([seen])) > longest:
            break
    engine.close_run(run_id)
    return found


def rounds_of(
    preset: str, rounds: int, stay: int, longest: float
) -> Mapping[str, list[tuple[int, Stay]]]:
    """The stays at each level, each round in an engine of its own.

    Args:
        preset: The run's problem.
        rounds: How many rounds.
        stay: How many steps to stay.
        longest: The seconds of a step, beyond which no finer level is gone to.

    Returns:
        By level S and the stay of each round that came so far.
    """
    stays: dict[str, list[tuple[int, Stay]]] = {}
    for _ in tqdm(range(rounds), desc=preset, leave=False):
        with engine_beside() as engine:
            for level, seen in visit(engine, preset, stay, longest).items():
                stays.setdefault(level, []).append(seen)
    return stays


def main() -> None:
    """Measure the presets that are not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", default=list(PRESETS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--stay", type=int, default=16)
    parser.add_argument("--longest", type=float, default=0.5)
    parser.add_argument("--out", type=Path, default=FOLDER / "recording.json")
    arguments = parser.parse_args()
    if arguments.stay <= _NEW or arguments.rounds < 1:
        parser.error(f"--stay must be {_NEW + 1} or more, and --rounds 1 or more")
    results = Results(arguments.out)
    for preset in arguments.preset:
        if preset in results:
            continue
        stays = rounds_of(preset, arguments.rounds, arguments.stay, arguments.longest)
        levels = [
            {"level": level, **told(seen[0][0], [stay for _, stay in seen])}
            for level, seen in stays.items()
            if len(seen) == arguments.rounds
        ]
        for level in levels:
            write(f"{preset:14s} {level}")
        results.add(preset, {"rounds": arguments.rounds, "stay": arguments.stay, "levels": levels})


if __name__ == "__main__":
    main()
