"""Commands: what a person asks of a run, as immutable messages.

A command is sent to an engine and read between two steps; one that follows another of its kind
which was not read yet is merged with it, so a slider that is dragged never piles up work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gnlab.errors import check_number
from gnlab.runs.records import bundles


@dataclass(frozen=True, slots=True)
class Play:
    """Step until told otherwise."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop stepping after the step being made; steps that were asked for are dropped too."""


@dataclass(frozen=True, slots=True)
class Step:
    """Make whole steps, then pause. A step begun by ``Substep`` is completed first.

    Attributes:
        count: How many.
    """

    count: int = 1

    def __post_init__(self) -> None:
        check_number("count", self.count, low=1, high=1_000_000, integer=True)


@dataclass(frozen=True, slots=True)
class Substep:
    """Make the next phase of a step: gradient, summary, solve, update.

    Steps that were asked for and not made yet are dropped.
    """


@dataclass(frozen=True, slots=True)
class Reset:
    """Go back to step 0 with the present settings, paused."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """Go back to a kept step and its settings, paused.

    Attributes:
        step: The step, one of ``Snapshot.kept_steps``.
    """

    step: int

    def __post_init__(self) -> None:
        check_number("step", self.step, low=0, integer=True)


@dataclass(frozen=True, slots=True)
class Change:
    """Change settings; a change of the preset, seed, device or dtype is a new start.

    Attributes:
        values: New values by setting's name.
    """

    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pace:
    """Slow motion.

    Attributes:
        steps_per_second: At most that many; None for as fast as it goes.
    """

    steps_per_second: float | None = None

    def __post_init__(self) -> None:
        if self.steps_per_second is not None:
            check_number("steps_per_second", self.steps_per_second, low=0.01, high=1e6)


@dataclass(frozen=True, slots=True)
class TryLevels:
    """Find the what-if curve: one step from here at every level. The run is left as it is.

    Attributes:
        most: The largest number of groups that is tried.
        every: Find it again after so many steps; 0 for this once.
        now: Whether to find it now; else only what ``every`` says.
    """

    most: int = 256
    every: int = 0
    now: bool = True

    def __post_init__(self) -> None:
        check_number("most", self.most, low=1, high=100_000, integer=True)
        check_number("every", self.every, low=0, high=1_000_000, integer=True)


@dataclass(frozen=True, slots=True)
class Look:
    """Show H̄ between some groups one by one, where it is kept over bundles of many.

    Attributes:
        rows: The groups' places in the partition, at most ``bundles.MOST``; none for no such part.
        columns: Likewise.
    """

    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, places in (("rows", self.rows), ("columns", self.columns)):
            check_number(
                f"the number of {name}", len(places), low=0, high=bundles.MOST, integer=True
            )
            if places:
                check_number(f"the least of {name}", min(places), low=0, integer=True)


@dataclass(frozen=True, slots=True)
class Branch:
    """Open a copy of the run, paused at the same step.

    Attributes:
        run_id: The copy's id.
    """

    run_id: str


Command = Play | Pause | Step | Substep | Reset | Rewind | Change | Pace | TryLevels | Look | Branch
