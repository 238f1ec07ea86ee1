"""Asked: a run's what-if curve while it is being found, and those of the steps before.

It is found one level at a time, so that whoever else steps in the same engine waits for one trial
and not for the whole ladder.

Legend: L levels, T times that it was found.
"""

from collections.abc import Iterator

import numpy as np

from gnlab.runs.course import Course
from gnlab.runs.curve import Trials, WhatIf
from gnlab.runs.engine.commands import TryLevels
from gnlab.runs.trials import try_levels

_KEPT = 256


class Asked:
    """Finds the curve, one level at a time, and keeps what was found.

    Args:
        every: After how many steps it is found again; 0 for never.

    Attributes:
        every: The same.
    """

    def __init__(self, every: int = 0) -> None:
        self.every = every
        self._most = 256
        self._rest: Iterator[Trials] | None = None
        self._trials: Trials | None = None
        self._found: list[Trials] = []

    @property
    def under_way(self) -> bool:
        """Whether there are levels still to be tried."""
        return self._rest is not None

    @property
    def what_if(self) -> WhatIf | None:
        """What there is to see, None if it was never asked for."""
        if self._trials is None and not self.every:
            return None
        kept = self._found
        shape = len(kept), len(kept[-1].rungs) if kept else 0
        return WhatIf(
            self._trials,
            steps=np.array([one.step for one in kept], dtype=float),
            predicted=np.array([one.predicted for one in kept]).reshape(*shape, 2),
            measured=np.array([one.measured for one in kept]).reshape(*shape, 2),
            seconds=np.array([one.seconds for one in kept]).reshape(shape),
            every=self.every,
        )

    def take(self, run: Course, command: TryLevels) -> None:
        """Take what a person asks for.

        Args:
            run: The run; while levels are being tried it may not step.
            command: What is asked for.
        """
        self.every, self._most = command.every, command.most
        if command.now:
            self._begin(run)

    def follow(self, run: Course) -> None:
        """Begin again if the run has made so many steps.

        Args:
            run: The run, after a step; one that was undone is none.
        """
        if self.every and run.step_count % self.every == 0 and not run.undone:
            self._begin(run)

    def advance(self) -> None:
        """Try the next level."""
        assert self._rest is not None
        trials = next(self._rest, None)
        if trials is not None:
            self._trials = trials
        if trials is None or trials.tried == trials.wanted:
            self._rest = None
            self._keep()

    def stop(self) -> None:
        """Give up what is under way: the run is about to be another."""
        self._rest = None

    def go_back(self, step: int) -> None:
        """Forget what was found after a step.

        Args:
            step: The step.
        """
        self.stop()
        self._found = [one for one in self._found if one.step <= step]
        if self._trials is not None and self._trials.step > step:
            self._trials = None

    def _begin(self, run: Course) -> None:
        # What is too large for the run is too large here.
        levels = run.levels
        fit = [rung.num_groups for rung, level in zip(run.ladder.rungs, levels, strict=True)
               if not level.refusal]  # fmt: skip
        self._rest = try_levels(run, run.ladder.rungs, min(self._most, max(fit, default=1)))

    def _keep(self) -> None:
        """Keep what was found; every second of it once there is much, of another ladder none."""
        if self._trials is None:
            return
        same = [
            one
            for one in self._found
            if _levels(one) == _levels(self._trials) and one.step < self._trials.step
        ]
        if len(same) >= _KEPT:
            same = same[::2]
        self._found = [*same, self._trials]


def _levels(trials: Trials) -> list[tuple[str, int]]:
    """The levels of a curve, whatever their costs are."""
    return [(rung.level, rung.num_groups) for rung in trials.rungs]
