"""Two sides of a finding: what the lab does, and the other way; measured in turn, then compared."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tqdm import tqdm

Measured = Mapping[str, Sequence[float]]
"""Of one round: the values of each quantity, under its name and unit."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure.

    Attributes:
        rounds: How many times each side is measured.
        seconds: How long each stretch of a page in a browser is.
        presses: How many keys are pressed in each stretch.
        updates: How many updates of a source are timed in each round.
        class_seconds: How long a class of pages is watched.
        pages: How many pages a class has.
        preset: The problem that the lab's pages train.
    """

    rounds: int = 5
    seconds: float = 10.0
    presses: int = 20
    updates: int = 50
    class_seconds: float = 60.0
    pages: int = 30
    preset: str = "digits-mlp"


QUICK = Effort(rounds=1, seconds=3.0, presses=4, updates=10, class_seconds=10.0, pages=4)
"""Enough to see that everything works; no figure to be believed."""


@dataclass(frozen=True, slots=True)
class Side:
    """One way of doing it.

    Attributes:
        words: What it is.
        measure: Measures it once.
    """

    words: str
    measure: Callable[[], Measured]


def compare(here: Side, instead: Side, rounds: int) -> dict[str, object]:
    """Measure two sides in turn; the side that goes first changes from round to round.

    Args:
        here: What the lab does.
        instead: The other way.
        rounds: How many times to measure each.

    Returns:
        What ``report`` returns.
    """
    found: dict[str, list[Measured]] = {"here": [], "instead": []}
    turns = [("here", here), ("instead", instead)]
    with tqdm(total=2 * rounds, leave=False) as bar:
        for _ in range(rounds):
            for name, side in turns:
                bar.set_description(side.words)
                found[name].append(side.measure())
                bar.update()
            turns.reverse()
    return report(here.words, found["here"], instead.words, found["instead"])


def report(
    here: str, mine: Sequence[Measured], instead: str, others: Sequence[Measured]
) -> dict[str, object]:
    """Put the rounds of two sides together.

    Args:
        here: What the lab does, in words.
        mine: The lab's rounds.
        instead: The other way, in words.
        others: The other way's rounds, in the same order.

    Returns:
        Each side's quantities over all rounds, and for each quantity the median over the rounds
        of the other side's median divided by the lab's.
    """
    ratios = {name: _ratio(mine, others, name) for name in mine[0]}
    return {
        "here": {"is": here, "figures": _over_all(mine)},
        "instead": {"is": instead, "figures": _over_all(others)},
        "ratios": {name: ratio for name, ratio in ratios.items() if ratio is not None},
        "rounds": len(mine),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _over_all(rounds: Sequence[Measured]) -> dict[str, object]:
    return {name: _spread([list(found[name]) for found in rounds]) for name in rounds[0]}


def _spread(rounds: Sequence[Sequence[float]]) -> dict[str, object]:
    """Median and 95th percentile; of a quantity with one value a round, the values themselves."""
    values = [value for of_round in rounds for value in of_round]
    if all(len(of_round) == 1 for of_round in rounds):
        return {"median": _short(statistics.median(values)), "rounds": [*map(_short, values)]}
    return {
        "count": len(values),
        "median": _short(statistics.median(values)) if values else None,
        "p95": _short(percentile(values, 0.95)) if values else None,
    }


def _ratio(mine: Sequence[Measured], others: Sequence[Measured], name: str) -> float | None:
    """None where a side has nothing to divide, or nothing to divide by."""
    pairs = [(one[name], two[name]) for one, two in zip(mine, others, strict=True)]
    if not all(one and two and statistics.median(one) > 0 for one, two in pairs):
        return None
    return _short(
        statistics.median(statistics.median(two) / statistics.median(one) for one, two in pairs)
    )


def _short(value: float) -> float:
    """Four digits: no measurement here has more."""
    return float(f"{value:.4g}")
