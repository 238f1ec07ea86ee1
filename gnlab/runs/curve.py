"""The what-if curve: what one step from here would bring at every level of the ladder.

Legend: S groups, L levels, T times that the curve was found.
"""

from dataclasses import dataclass

from gnlab.partitions import Rung
from gnlab.runs.records.record import Array


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """One step at every level, as far as they have been tried; immutable.

    Attributes:
        step: The finished steps of the run that was asked.
        rungs: The levels, coarse to fine, L of them.
        predicted: The predicted decrease with the cubic term and without, NaN where there is no
            step, [L, 2].
        measured: The measured decrease of the loss on the batch, likewise, [L, 2].
        status: What became of each level's two solves.
        seconds: The time of each summary, as it is when such a one has been made before, [L].
        solve_seconds: The time of each solve with the cubic term, likewise, [L].
        gradient_seconds: The time of one gradient on the same batch.
        tried: How many levels have been tried.
        wanted: How many there are to try.
    """

    step: int
    rungs: tuple[Rung, ...]
    predicted: Array
    measured: Array
    status: tuple[tuple[str, str], ...]
    seconds: Array
    solve_seconds: Array
    gradient_seconds: float
    tried: int
    wanted: int


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """What a person sees of the what-if curve; immutable.

    Attributes:
        trials: The newest trials, whole or under way; None before the first.
        steps: The steps at which the curve was found, [T].
        predicted: The predicted decrease then, with the cubic term and without, NaN where there was
            no step, [T, L, 2].
        measured: The measured decrease then, likewise.
        seconds: The time of each summary then, [T, L].
        every: The curve is found anew after so many steps; 0 for only when it is asked for.
    """

    trials: Trials | None
    steps: Array
    predicted: Array
    measured: Array
    seconds: Array
    every: int
