"""Trials: one step from here at every level of the ladder, predicted and measured.

The same loss, batch and direction u at every level, so that nothing but the partition differs. A
step is the minimiser of the level's model, taken whole: no moving average, no positive part.
Without the cubic term a finer partition can only promise more; with it, and in fact, it may not.

Legend: S groups, L levels, η step sizes, λ the rate that the step is multiplied by.
"""

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor
from torch.func import functional_call

from gnlab import partitions
from gnlab.cubic import solve_cubic
from gnlab.guards import alone, unmoved
from gnlab.guards.graphless import graphless
from gnlab.optimizers.info import predicted_decrease
from gnlab.partitions import Partition, Rung
from gnlab.runs.course import Course
from gnlab.runs.curve import Trials
from gnlab.runs.proposal import gradient_of, proposal
from gnlab.runs.records.record import Array
from gnlab.runs.trainer import Purpose, Trainer
from gnlab.summaries import Summary, eager, elsewhere, most_groups, summarise

TOO_LARGE = "not tried: more groups than asked for"
BEYOND = "not tried: more groups than can be summarised here"
Made = TypeVar("Made")

_REPEATS, _GRADIENTS = 5, 9  # how often a trial is timed, and a gradient, the unit of all
_SHORT, _LONG = 0.06, 0.5  # seconds that suffice for a time, and of what is not done again


@dataclass(frozen=True, slots=True)
class Trial:
    """One step at one level.

    Attributes:
        predicted: The decrease that the order-2 model promises, with the cubic term and without.
        measured: The decrease of the loss on the batch, likewise.
        status: What became of each solve.
        seconds: The time of the summary, as it is when such a summary has been made before.
        solve_seconds: The time of the solve with the cubic term, likewise.
    """

    predicted: tuple[float, float] = (math.nan, math.nan)
    measured: tuple[float, float] = (math.nan, math.nan)
    status: tuple[str, str] = (TOO_LARGE, TOO_LARGE)
    seconds: float = math.nan
    solve_seconds: float = math.nan


def try_levels(
    run: Course, rungs: Sequence[Rung], most: int, rate: float = 1.0
) -> Iterator[Trials]:
    """Try one level after the other; the run is left as it is.

    Along the direction of the coming step and on its summary batch; in a run of Adam or SGD, along
    the gradient of a summary batch and on that.

    Args:
        run: The run; it may not step in between.
        rungs: The levels, coarse to fine.
        most: The largest S that is tried.
        rate: λ, what each step is multiplied by.

    Yields:
        Trials: All that was tried so far, first nothing.

    Raises:
        InputError: If the model's parameters are not like those that the run began with.
    """
    trainer = run._trainer
    trainer.taken.check_places()
    u, batch = proposal(trainer, run.phase)
    gradient = _gradient_seconds(trainer, batch)
    can = most_groups(trainer.device)
    wanted = sum(rung.num_groups <= min(most, can) for rung in rungs)
    asked = sum(rung.num_groups <= most for rung in rungs)
    others = [BEYOND] * (asked - wanted) + [TOO_LARGE] * (len(rungs) - asked)
    rest = [Trial(status=(why, why)) for why in others]
    trials: list[Trial] = []
    yield _together(run.step_count, rungs, trials, rest, gradient)
    for rung in rungs[:wanted]:
        trials.append(_tried(trainer, rung, u, batch, rate))
        yield _together(run.step_count, rungs, trials, rest, gradient)


def _together(
    step: int,
    rungs: Sequence[Rung],
    trials: Sequence[Trial],
    rest: Sequence[Trial],
    gradient: float,
) -> Trials:
    """What was tried so far, with nothing for the levels to come and those that are not tried."""
    wanted = len(rungs) - len(rest)
    every = [*trials, *[Trial()] * (wanted - len(trials)), *rest]
    return Trials(
        step=step,
        rungs=tuple(rungs),
        predicted=_array([trial.predicted for trial in every]),
        measured=_array([trial.measured for trial in every]),
        status=tuple(trial.status for trial in every),
        seconds=_array([trial.seconds for trial in every]),
        solve_seconds=_array([trial.solve_seconds for trial in every]),
        gradient_seconds=gradient,
        tried=len(trials),
        wanted=wanted,
    )


def _array(values: Sequence[object]) -> Array:
    """Numbers as an array that cannot be written to."""
    array: Array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def _tried(
    trainer: Trainer,
    rung: Rung,
    u: Mapping[str, Tensor],
    batch: tuple[Tensor, Tensor],
    rate: float,
) -> Trial:
    """One step at one level."""
    ggn = trainer.settings.curvature == "gauss-newton"
    split = partitions.partition(trainer.model, rung.level).to(trainer.device)

    def summarised() -> Summary:
        # Not recorded to be repeated: of some trials the time would be that of the recording.
        with eager(), trainer.seeded(Purpose.summary):
            return summarise(trainer.model, trainer.problem.loss_fn, batch, split, u, ggn=ggn)

    summary, seconds = _timed(summarised)
    model = summary.gauss_newton() if ggn else summary
    given = model.coefficients()
    predicted, measured, status, times = [], [], [], []
    for damping in (trainer.settings.damping, 0.0):
        solution, took = _timed(functools.partial(solve_cubic, *given, damping))
        times.append(took)
        status.append(solution.status.name)
        if solution.status.ok:
            eta = solution.step_sizes
            promised = predicted_decrease(model, eta, rate)
            predicted.append(math.nan if promised is None else promised)
            measured.append(float(summary.loss) - _loss_after(trainer, split, u, rate * eta, batch))
        else:
            predicted.append(math.nan)
            measured.append(math.nan)
    return Trial(
        (predicted[0], predicted[1]), (measured[0], measured[1]), (status[0], status[1]),
        seconds, times[0],
    )  # fmt: skip


def _loss_after(
    trainer: Trainer,
    split: Partition,
    u: Mapping[str, Tensor],
    eta: Tensor,
    batch: tuple[Tensor, Tensor],
) -> float:
    """The loss on the batch after a step, which is not made."""
    with alone(trainer.model):
        parameters = dict(trainer.model.named_parameters())
        moved = {
            name: parameters[name].detach() - u[name] * share.to(parameters[name])
            for name, share in split.expand(eta).items()
        }
        x, y = batch

        def evaluate() -> float:
            with (
                trainer.seeded(Purpose.summary),
                unmoved(trainer.model),
                elsewhere(parameters, moved),
            ):
                output = functional_call(trainer.model, moved, (x,))
                return float(trainer.problem.loss_fn(output, y).detach())

        return graphless(evaluate)


def _gradient_seconds(trainer: Trainer, batch: tuple[Tensor, Tensor]) -> float:
    """The time of one gradient on the batch."""
    return _timed(lambda: gradient_of(trainer, batch, Purpose.summary), _GRADIENTS)[1]


def _timed(work: Callable[[], Made], most: int = _REPEATS) -> tuple[Made, float]:
    """Do something, and again as long as that takes no time worth mentioning.

    What is done for the first time loads code, chooses kernels and makes tables.

    Args:
        work: What to do.
        most: How often at most.

    Returns:
        What it returned, and the least time that it took.
    """
    times: list[float] = []
    while True:
        start = time.perf_counter()
        made = work()
        times.append(time.perf_counter() - start)
        again = len(times) == 1 and times[0] < _LONG
        if len(times) == most or (sum(times) > _SHORT and not again):
            return made, min(times)
