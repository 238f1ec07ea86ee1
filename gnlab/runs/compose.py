"""Composing a record: a step's numbers, taken from the optimizer as plain arrays.

Legend: S groups, m rows of H̄ as it is kept, K kinds of operation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from gnlab.optimizers import StepInfo
from gnlab.runs.records import bundles
from gnlab.runs.records.detail import Detail
from gnlab.runs.records.record import KINDS, Array, Record
from gnlab.runs.trainer import Trainer
from gnlab.runs.validation import Validation
from gnlab.summaries import Summary
from gnlab.summaries.summary import Part

_KINDS = {"loss": "gauss-newton", "product": "products"}
"""What the parts of a summary are counted as; every other one is the activations'."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run itself measured of a step.

    Attributes:
        loss: The minibatch's loss.
        validation: The validation, NaN where it was not measured.
        decrease: The measured decrease on the summary batch, NaN without a summary.
        seconds: Time the step took.
    """

    loss: float
    validation: Validation
    decrease: float
    seconds: float


def compose(step: int, trainer: Trainer, outcome: Outcome, info: StepInfo | None) -> Record:
    """The record of a step.

    Args:
        step: The number of finished steps, this one included.
        trainer: What made it.
        outcome: What was measured of it.
        info: What the grouped Newton method did; None for another optimizer.

    Returns:
        The record.
    """
    summary = None if info is None else info.summary
    solution = None if info is None else info.solution
    settings, partition = trainer.settings, trainer.partition
    step_size = None if info is None else _maybe(info.step_sizes)
    parts, bends = _parts(summary, partition.roles, step_size)
    return Record(
        step=step,
        epoch=trainer.epoch,
        loss=outcome.loss,
        val_loss=outcome.validation.loss,
        accuracy=outcome.validation.accuracy,
        partition=partition.level,
        group=partition.names,
        role=partition.roles,
        g=None if summary is None else _array(summary.g),
        H=None if summary is None else _summed(summary.H, partition.roles),
        H_diagonal=None if summary is None else _array(summary.H.diagonal()),
        third=None if summary is None else _array(summary.third),
        d=None if summary is None else _array(summary.d),
        step_size=step_size,
        step_size_solved=None if solution is None else _array(solution.step_sizes),
        radius=math.nan if solution is None else solution.radius,
        radius_min=math.nan if solution is None else solution.radius_min,
        eigenvalue_min=math.nan if solution is None else solution.eigenvalue_min,
        regulariser=None if solution is None else _array(solution.regulariser),
        damping=settings.damping,
        lr=settings.lr,
        decrease_predicted=_number(None if info is None else info.decrease_predicted),
        decrease_measured=outcome.decrease,
        status="" if solution is None else solution.status.name,
        seconds=outcome.seconds,
        direction=settings.direction,
        taken=math.nan if info is None or summary is None else info.taken,
        H_parts=parts,
        bends=bends,
    )


def compose_detail(
    step: int, summary: Summary | None, rows: Sequence[int], columns: Sequence[int]
) -> Detail | None:
    """A part of a step's H̄, group by group.

    Args:
        step: The number of finished steps, this one included.
        summary: The step's summary.
        rows: The places of the groups in the partition.
        columns: Likewise.

    Returns:
        The part; None without a summary, or where it has no such groups.
    """
    if summary is None or max(*rows, *columns, 0) >= len(summary.g):
        return None
    down, across = list(rows), list(columns)
    parts = None
    if summary.parts:
        parts = np.zeros((len(KINDS), len(down), len(across)))
        with np.errstate(invalid="ignore", over="ignore"):
            for part in summary.parts:
                parts[_kind(part)] += _array(part.H[down][:, across])
        _still(parts)
    H = _array(summary.H[down][:, across])
    return Detail(step, tuple(rows), tuple(columns), H, parts)


def _kind(part: Part) -> int:
    """As what of ``KINDS`` a part is counted."""
    return KINDS.index(_KINDS.get(part.kind, "activations"))


def _parts(
    summary: Summary | None, roles: tuple[str, ...], step_size: Array | None
) -> tuple[Array | None, Array | None]:
    """H̄'s parts by kind, [K, m, m], and how each bends along the step, [K]; if there are any."""
    if summary is None or not summary.parts:
        return None, None
    rows = len(bundles.begins(roles))
    total, along = np.zeros((len(KINDS), rows, rows)), np.zeros(len(KINDS))
    # Of a summary that is not finite the sums are not either.
    with np.errstate(invalid="ignore", over="ignore"):
        for part in summary.parts:
            kind, own = _kind(part), _array(part.H)
            total[kind] += bundles.summed(own, roles)
            along[kind] += math.nan if step_size is None else own @ step_size @ step_size
    return _still(total), None if step_size is None else _still(along)


def _summed(H: Tensor, roles: tuple[str, ...]) -> Array:
    """H̄ as it is kept, [m, m]."""
    with np.errstate(invalid="ignore", over="ignore"):
        return _still(bundles.summed(_array(H), roles))


def _still(array: Array) -> Array:
    """An array that is not to be written to any more."""
    array.flags.writeable = False
    return array


def _array(values: Tensor) -> Array:
    """A tensor as an array of its own, float64 on the CPU, not to be written to."""
    return _still(values.detach().cpu().numpy().astype(np.float64))


def _maybe(values: Tensor | None) -> Array | None:
    return None if values is None else _array(values)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
