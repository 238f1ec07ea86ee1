"""The slider, moved while a run trains: how long nothing new is published around each change.

    python -m benchmarks.slider [--preset NAME ...] [--rounds 2] [--stay 16]

The run plays in the engine's own process, which records it, as in the lab; what it publishes is
read as a page reads it. The slider goes over all levels that the run can have, up and down: first
dragged, off each level as soon as its first step is seen; then it stays at each for some steps, in
which a summary that comes again is recorded; then the same rounds again. Where a step takes
seconds, three steps are a stay.

What a step takes at a level is the median of what is published there; one whose summary is made
anew, as after a change, takes longer. Between two publications some steps were made; the rest of
that time, in such steps, is what was missed. Time in which the engine waited for a core that
another program had is no part of it; where there is much, as on a machine that others use, the
figures are rough all the same. Around a change it is counted in steps made anew at the slower of
both levels, since the one under way has to end. That there is no pause longer than one step means
that no more than one is missed. LeNet, whose data are needed, takes a second and more for a step
at the finer levels:

    python -m benchmarks.slider --preset lenet-cifar10 --rounds 1 --stay 8
"""

import argparse
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.results import FOLDER, Results, write
from benchmarks.watch import Gap, Stay, Watch, engine_beside
from gnlab import runs
from gnlab.runs import Engine, Level, Play, Settings

PRESETS = ("digits-mlp", "moons")


def steps_of(stays: Iterable[Stay]) -> dict[str, float]:
    """The median seconds of a step at each level, over all its publications but a change's."""
    taken: dict[str, list[float]] = {}
    for stay in stays:
        taken.setdefault(stay.level, []).extend(gap.step for gap in stay.rest)
    return {level: statistics.median(found) for level, found in taken.items() if found}


def worst(gaps: Iterable[tuple[Gap, float]]) -> dict[str, float]:
    """The gap in which most was missed.

    Args:
        gaps: Gaps, and the seconds of a step for each.

    Returns:
        Its milliseconds, those in which the engine waited for a core, the steps made in it and
        those missed.
    """
    gap, step = max(gaps, key=lambda each: each[0].missed(each[1]))
    return {
        "gap_ms": round(1e3 * gap.seconds, 1),
        "waited_ms": round(1e3 * gap.waited, 1),
        "made": gap.made,
        "missed": round(gap.missed(step), 2),
    }


def at_change(stays: Iterable[Stay], steps: Mapping[str, float]) -> list[tuple[Gap, float]]:
    """The gaps around changes, with the step of the slower level."""
    return [
        (gap, max(steps[stay.level], steps.get(stay.before, 0.0)))
        for stay in stays
        for gap in stay.change
    ]


def after_it(stays: Iterable[Stay], steps: Mapping[str, float]) -> list[tuple[Gap, float]]:
    """The gaps of the stays themselves."""
    return [(gap, steps[stay.level]) for stay in stays for gap in stay.rest]


def told(
    levels: Sequence[Level], dragged: Sequence[Stay], stays: Sequence[Sequence[Stay]]
) -> list[dict[str, object]]:
    """What is to be kept of each level.

    Args:
        levels: The levels.
        dragged: What was seen while the slider was dragged.
        stays: What was seen in each round of stays.

    Returns:
        For each level its S, the step while its summary is made anew and at the median, and the
        worst gaps: around all changes to it, in its first stays, and in the later ones.
    """
    steps = steps_of(stay for round_ in stays for stay in round_)
    anew = {
        level.name: _anew([stay for stay in stays[0] if stay.level == level.name])
        for level in levels
    }
    slower = {name: max(anew[name], steps[name]) for name in anew}
    found: list[dict[str, object]] = []
    for level in levels:
        first, later = (
            [stay for round_ in some for stay in round_ if stay.level == level.name]
            for some in (stays[:1], stays[1:])
        )
        moved = [*dragged, *(stay for round_ in stays for stay in round_)]
        changes = [stay for stay in moved if stay.level == level.name]
        found.append(
            {
                "level": level.name,
                "groups": level.S,
                "anew_ms": round(1e3 * anew[level.name], 2),
                "step_ms": round(1e3 * steps[level.name], 2),
                "changes": len(changes),
                "halts": sum(stay.halts for stay in changes),
                "change": worst(at_change(changes, slower)),
                "first_stay": worst(after_it(first, slower)),
                "later_stays": worst(after_it(later, steps)),
            }
        )
    return found


def _anew(stays: Sequence[Stay]) -> float:
    """The median seconds of a step whose summary is not repeated yet."""
    early = [gap for stay in stays for gap in stay.rest[:2]]
    return statistics.median(gap.step for gap in early)


def slide(engine: Engine, preset: str, rounds: int, stay: int) -> dict[str, object]:
    """Move the slider over all levels of a run that plays.

    Args:
        engine: The engine.
        preset: The run's problem.
        rounds: How many rounds of dragging, and of stays, after the first of each.
        stay: How many steps each stay has.

    Returns:
        For each level the step and the worst gaps.
    """
    run_id = engine.open(Settings().changed(**runs.live(preset), device="cpu"))
    engine.send(run_id, Play())
    watch = Watch(engine, run_id)
    begun, _ = watch.next()
    for _ in range(3):
        watch.next()
    levels = [level for level in begun.levels if not level.refusal]
    ways = [level.name for level in (*levels, *levels[-2::-1])]
    dragged, stays = [], []
    for _ in tqdm(range(1 + rounds), desc=preset, leave=False):
        dragged += [watch.move(level, 0) for level in ways]
        stays.append([watch.move(level, stay) for level in ways])
    engine.close_run(run_id)
    settings = begun.settings
    return {
        "batch": settings.batch_size,
        "summary_batch": settings.summary_batch_size,
        "rounds": 1 + rounds,
        "stay": stay,
        "levels": told(levels, dragged, stays),
    }


def main() -> None:
    """Measure the presets that are not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", default=list(PRESETS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--stay", type=int, default=16)
    parser.add_argument("--out", type=Path, default=FOLDER / "slider.json")
    arguments = parser.parse_args()
    results = Results(arguments.out)
    for preset in arguments.preset:
        if preset in results:
            continue
        with engine_beside() as engine:
            found = slide(engine, preset, arguments.rounds, arguments.stay)
        for level in found["levels"]:
            write(f"{preset:14s} {level}")
        results.add(preset, found)


if __name__ == "__main__":
    main()
