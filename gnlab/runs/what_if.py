"""What if: one step from here at every level of the ladder, predicted and measured.

The same loss, batch and direction u at every level, so that nothing but the partition differs. A
step is the minimiser of the level's model, taken whole: no moving average, no positive part.
Without the cubic term a finer partition can only promise more; with it, and in fact, it may not.

Legend: S groups, η step sizes, λ the rate that the step is multiplied by.
"""

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import functional_call

from gnlab import partitions
from gnlab.cubic import solve_cubic
from gnlab.errors import check_number
from gnlab.optimizers.info import predicted_decrease
from gnlab.partitions import Partition, Rung
from gnlab.runs.course import Course
from gnlab.runs.flat import unmoved
from gnlab.runs.trainer import Trainer
from gnlab.summaries import summarise

if TYPE_CHECKING:
    import xarray as xr

CUBIC = ("with", "without")
_TOO_LARGE = "not tried: more groups than asked for"
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """One step at one level.

    Attributes:
        predicted: The decrease that the order-2 model promises, with the cubic term and without.
        measured: The decrease of the loss on the batch, likewise.
        status: What became of each solve.
        seconds: The time of the summary.
        solve_seconds: The time of the solve with the cubic term.
    """

    predicted: tuple[float, float] = (math.nan, math.nan)
    measured: tuple[float, float] = (math.nan, math.nan)
    status: tuple[str, str] = (_TOO_LARGE, _TOO_LARGE)
    seconds: float = math.nan
    solve_seconds: float = math.nan


def what_if(run: Course, *, most: int = 512, rate: float = 1.0) -> "xr.Dataset":
    """One step from where a run is, at every level of the ladder.

    Along the direction of the run's last step and on its summary batch (before the first step:
    along the gradient of the next summary batch). The run is left as it is.

    Args:
        run: The run.
        most: The largest S that is tried.
        rate: λ, what each step is multiplied by.

    Returns:
        By "level", coarse to fine, and "cubic", "with" or "without" the cubic term: the
        "predicted" and the "measured" decrease of the loss, NaN where there is no step, and the
        solve's "status". By level: "groups" (S), "label", "known_as"; the "seconds" of the
        summary, the same in "gradients" measured here, its "cost" in gradients by arithmetic, and
        "solve_seconds".

    Raises:
        InputError: If ``most`` or ``rate`` is out of bounds.
    """
    check_number("most", most, low=1, integer=True)
    check_number("rate", rate, low=0.0)
    trainer = run._trainer
    u, batch = trainer.proposal()
    rungs = partitions.ladder(trainer.model, batch[0])
    trials = [
        _tried(trainer, rung, u, batch, rate) if rung.num_groups <= most else Trial()
        for rung in rungs
    ]
    return _dataset(rungs, trials, _gradient_seconds(trainer, batch), rate, trainer)


def _tried(
    trainer: Trainer,
    rung: Rung,
    u: Mapping[str, Tensor],
    batch: tuple[Tensor, Tensor],
    rate: float,
) -> Trial:
    """One step at one level."""
    split = partitions.partition(trainer.model, rung.level).to(trainer.device)
    start = time.perf_counter()
    with trainer.seeded_summary():
        summary = summarise(trainer.model, trainer.problem.loss_fn, batch, split, u)
    seconds = time.perf_counter() - start
    predicted, measured, status, times = [], [], [], []
    for damping in (trainer.settings.damping, 0.0):
        start = time.perf_counter()
        solution = solve_cubic(summary.H, summary.g, summary.d, damping)
        times.append(time.perf_counter() - start)
        status.append(solution.status.name)
        if solution.status.ok:
            eta = solution.step_sizes
            promised = predicted_decrease(summary, eta, rate)
            predicted.append(math.nan if promised is None else promised)
            measured.append(float(summary.loss) - _loss_after(trainer, split, u, rate * eta, batch))
        else:
            predicted.append(math.nan)
            measured.append(math.nan)
    return Trial(
        (predicted[0], predicted[1]), (measured[0], measured[1]), (status[0], status[1]),
        seconds, times[0],
    )  # fmt: skip


@torch.no_grad()
def _loss_after(
    trainer: Trainer,
    split: Partition,
    u: Mapping[str, Tensor],
    eta: Tensor,
    batch: tuple[Tensor, Tensor],
) -> float:
    """The loss on the batch after a step, which is not made."""
    parameters = dict(trainer.model.named_parameters())
    moved = {
        name: parameters[name] - u[name] * share.to(parameters[name])
        for name, share in split.expand(eta).items()
    }
    x, y = batch
    with trainer.seeded_summary(), unmoved(trainer.model):
        return float(trainer.problem.loss_fn(functional_call(trainer.model, moved, (x,)), y))


def _gradient_seconds(trainer: Trainer, batch: tuple[Tensor, Tensor]) -> float:
    """The time of one gradient on the batch, the median of a few."""
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        trainer.gradient_of(batch)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _dataset(
    rungs: Sequence[Rung],
    trials: Sequence[Trial],
    gradient: float,
    rate: float,
    trainer: Trainer,
) -> "xr.Dataset":
    """The trials as a table."""
    import xarray as xr  # noqa: PLC0415  (half a second that only who asks should pay)

    both = ("level", "cubic")
    loss = {"units": "loss"}
    return xr.Dataset(
        {
            "predicted": (both, [t.predicted for t in trials], loss),
            "measured": (both, [t.measured for t in trials], loss),
            "status": (both, [t.status for t in trials]),
            "seconds": ("level", [t.seconds for t in trials], {"units": "s"}),
            "solve_seconds": ("level", [t.solve_seconds for t in trials], {"units": "s"}),
            "gradients": (
                "level",
                [t.seconds / gradient for t in trials],
                {"units": "gradients", "long_name": "time of the summary"},
            ),
            "cost": (
                "level",
                [rung.cost for rung in rungs],
                {"units": "gradients", "long_name": "arithmetic of the summary"},
            ),
        },
        coords={
            "level": [rung.level for rung in rungs],
            "cubic": list(CUBIC),
            "groups": ("level", [rung.num_groups for rung in rungs], {"long_name": "S"}),
            "label": ("level", [rung.label for rung in rungs]),
            "known_as": ("level", [rung.known_as for rung in rungs]),
        },
        attrs={"rate": rate, "damping": trainer.settings.damping, "gradient_seconds": gradient},
    )
