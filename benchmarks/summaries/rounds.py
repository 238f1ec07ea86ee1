"""Times taken in turn, round by round in one process: a machine that slows down slows all kinds."""

import statistics
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tqdm import tqdm

from gnlab.summaries.replay.cache import SIGHTS

FEWEST = 3


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: How many rounds at the most.
        plain: In how many of them, the first ones, the plain way takes part at the most.
        budget: Seconds after which nothing is begun once each kind has been measured: the plain way
            once, the others three times. Half of them are for the plain way.
    """

    rounds: int = 15
    plain: int = 5
    budget: float = 240.0


def measure(
    seconds: Callable[[str], float], kinds: Collection[str], effort: Effort, label: str
) -> dict[str, list[float]]:
    """Time each kind once in each round.

    Args:
        seconds: Does one kind once and says how long it took.
        kinds: What to time.
        effort: For how long.
        label: The name to show.

    Returns:
        The seconds of each, by kind, in the order of the rounds.
    """
    measured: dict[str, list[float]] = {kind: [] for kind in kinds}
    start = time.perf_counter()
    for kind in kinds:
        if kind != "plain":  # so slow that a first time is as good as a second
            get_warm(seconds, kind, effort)
    with tqdm(range(effort.rounds), desc=label, leave=False) as rounds:
        for done in rounds:
            if done >= FEWEST and time.perf_counter() - start > effort.budget:
                break
            for kind in kinds:
                if kind != "plain" or _again(measured[kind], effort):
                    rounds.set_postfix_str(kind)
                    measured[kind].append(seconds(kind))
    return measured


def get_warm(seconds: Callable[[str], float], kind: str, effort: Effort) -> None:
    """Do one kind until nothing is done for the first time any more, or for long enough.

    Args:
        seconds: Does one kind once and says how long it took.
        kind: What to do.
        effort: A twentieth of its budget is long enough.
    """
    start = time.perf_counter()
    for _ in range(SIGHTS + 1):
        seconds(kind)
        if time.perf_counter() - start > effort.budget / 20:
            break


def _again(plain: list[float], effort: Effort) -> bool:
    """Whether the plain way takes part once more."""
    if not plain:
        return True
    return len(plain) < effort.plain and sum(plain) + plain[-1] < effort.budget / 2


def medians(measured: Mapping[str, list[float]]) -> dict[str, object]:
    """The medians of the times, and of their ratios within a round.

    Args:
        measured: The seconds of each kind; those of the plain way may be of the first rounds only.

    Returns:
        The median seconds by kind; of the kinds that there are, the medians of fast and plain in
        gradients, and of plain in fast.
    """
    found: dict[str, object] = {
        "median_seconds": {kind: statistics.median(times) for kind, times in measured.items()},
        "seconds": dict(measured),
    }
    for above, below in (("fast", "gradient"), ("plain", "gradient"), ("plain", "fast")):
        if above in measured and below in measured:
            ratios = [a / b for a, b in zip(measured[above], measured[below], strict=False)]
            found[f"{above}_per_{below}"] = statistics.median(ratios)
    return found
