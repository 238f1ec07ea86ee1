"""Runs side by side: one network, one start, the same data, and a level of the ladder for each run.

The method as it stands: along the gradient of all points, λ₁ = 1, nothing averaged, and with the
safeguard, so that no loss of these points goes up. Everything of every step is kept that a picture
needs, so that a person can go back and forth.

Legend: N points, n × m places of the map.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from gnlab import partitions, problems, runs
from gnlab.partitions import Rung

GRID = 80
"""The places of a map along each axis."""
_MARGIN = 0.12
_LOST = 100.0
"""A loss so many times the first one's belongs to a run that is lost."""
TOO_LONG = "too long"
"""What ended a run that is lost: its steps."""
FINEST = {
    "tensor": ("all", "role", "tensor"),
    "unit": ("all", "tensor", "block:4", "unit"),
    "element": ("all", "tensor", "block:4", "unit", "element"),
}
"""The levels side by side, by the finest of them."""


@dataclass(slots=True, eq=False)
class Fellow:
    """One level's run and what is kept of it.

    Attributes:
        rung: The level.
        run: The run.
        losses: The loss of all points after each step, the start's first.
        accuracies: The share of the validation points that it tells rightly, likewise.
        maps: What it says everywhere, likewise, float32 [n, m].
        ended: What ended it, in a word or two; "" while it makes steps.
        last: The step that it ended with.
    """

    rung: Rung
    run: runs.Run
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    maps: list[np.ndarray] = field(default_factory=list)
    ended: str = ""
    last: int = 0


class SideBySide:
    """The runs of some levels.

    Args:
        data: The points to tell apart, a preset's name.
        finest: The finest level, one of ``FINEST``.
        seed: The networks' common start.
        damping: λ_int.
    """

    def __init__(self, data: str, finest: str, seed: int, damping: float) -> None:
        problem = problems.problem(data, seed=seed, dtype=torch.float64)
        size = len(problem.train)
        self.points = problem.train.inputs.double().numpy()
        self.second = problem.train.targets.numpy() == 1
        self.x, self.y = (_around(self.points[:, axis]) for axis in (0, 1))
        columns, rows = (np.linspace(*span, GRID) for span in (self.x, self.y))
        self._everywhere = torch.from_numpy(
            np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        )
        self.fellows = [
            Fellow(rung, runs.Run(
                data, partition=rung.level, seed=seed, damping=damping, lr=1.0, momentum=0.0,
                direction="gradient", step_momentum=0.0, period=1, batch_size=size,
                summary_batch_size=size, device="cpu", dtype="float64",
            ))
            for rung in _rungs(problem, finest)
        ]  # fmt: skip
        self.steps = 0
        for fellow in self.fellows:
            self._keep(fellow)

    def advance(self) -> None:
        """Make one step of every run; one that cannot go on stays where it is."""
        for fellow in self.fellows:
            if not fellow.ended:
                record = fellow.run.step()
                fellow.last = self.steps + 1
                fellow.ended = record.status if fellow.run.stopped else ""
            if not fellow.ended:
                self._keep(fellow)
                if not fellow.losses[-1] < _LOST * fellow.losses[0]:
                    fellow.ended = TOO_LONG
            else:
                for kept in (fellow.losses, fellow.accuracies, fellow.maps):
                    kept.append(kept[-1])
        self.steps += 1

    @torch.no_grad()
    def _keep(self, fellow: Fellow) -> None:
        """Note what a run says now."""
        problem, model = fellow.run.problem, fellow.run.model
        x, y = problem.train.batch(
            torch.arange(len(problem.train), device="cpu"), dtype=torch.float64
        )
        fellow.losses.append(float(problem.loss_fn(model(x), y)))
        checked = problem.validation
        assert checked is not None
        x, y = checked.batch(torch.arange(len(checked), device="cpu"), dtype=torch.float64)
        fellow.accuracies.append(float((model(x).argmax(dim=1) == y).double().mean()))
        odds = model(self._everywhere).diff(dim=1).reshape(GRID, GRID)
        fellow.maps.append((odds / 2).tanh().float().numpy())


def _rungs(problem: problems.Problem, finest: str) -> list[Rung]:
    known = {rung.level: rung for rung in partitions.ladder(problem.model)}
    return [known[level] for level in FINEST[finest]]


def _around(values: np.ndarray) -> tuple[float, float]:
    """Limits with some room around values."""
    low, high = float(values.min()), float(values.max())
    room = _MARGIN * (high - low)
    return low - room, high + room
