"""The entry points of the package: summaries of one batch or of a whole loader.

Legend: S groups, P parameters, d the order.

References:
    Wolinski, arXiv:2312.03885, Sec. 3 (D^(d)) and Sec. 4 (ḡ, H̄, D).
"""

import logging
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gnlab.errors import InputError, check_number, unknown_choice
from gnlab.partitions import Partition
from gnlab.summaries.autodiff import (
    Along,
    Derivatives,
    Groups,
    derivatives,
    groups_of,
    tensor_of_order,
)
from gnlab.summaries.batches import batches
from gnlab.summaries.evaluation import Evaluation, LossFunction, Parameters, device_of
from gnlab.summaries.inert import inert_groups, jet_rows, plain_rows, slopes_again
from gnlab.summaries.normalisers import Normaliser
from gnlab.summaries.passes import Task, Values
from gnlab.summaries.rules import NoRuleError
from gnlab.summaries.summary import Summary
from gnlab.summaries.sweep import sweep
from gnlab.summaries.tape import Tape

METHODS = ("auto", "jets", "autodiff")
_log = logging.getLogger("gnlab")
_told: set[str] = set()


def summarise(
    model: nn.Module,
    loss_fn: LossFunction,
    data: object,
    partition: Partition,
    direction: Mapping[str, Tensor] | None = None,
    *,
    method: str = "auto",
    dtype: torch.dtype | None = None,
    normaliser: Normaliser | None = None,
) -> Summary:
    """Summarise a loss along a direction: ḡ, H̄ and D, one entry per group.

    The model is left as it was: parameters, ``.grad``, buffers, random state, train or eval mode.

    Args:
        model: The model, in the mode (train or eval) it is to be summarised in.
        loss_fn: loss_fn(model(x), y) -> scalar.
        data: One batch (x, y), or an iterable of such (a loader), whose batches are combined.
        partition: The model's partition, S groups.
        direction: u by parameter name, matched by name; None: the gradient of this very data.
        method: "jets", the fast pass; "autodiff", the plain definition; "auto", the fast pass
            where every operation has a rule, else the plain definition, said once by name.
        dtype: What to compute in (``torch.float64``); None: the model's own dtype.
        normaliser: How batches of a loss unknown to torch combine: "samples" (a mean), "sum", or
            a function (x, y) -> weight. None: by the loss, checked by a trial if it is unknown.

    Returns:
        The summary, in the dtype computed in, on the model's device.

    Raises:
        InputError: If something given does not fit; the message says what.
    """
    if method not in METHODS:
        raise unknown_choice("method", method, METHODS)
    task = Task(model, loss_fn, batches(data), partition, dtype, normaliser)
    task.check()
    u = task.gradient() if direction is None else task.direction(direction)
    groups = groups_of(partition, device_of(model))
    if method != "autodiff":
        try:
            return _summary(task, groups, u, "jets")
        except NoRuleError as error:
            if method == "jets":
                raise InputError(
                    f"the fast pass has no rule for {error}; use method='auto'."
                ) from error
            _tell(str(error))
    return _summary(task, groups, u, "autodiff")


def _tell(operation: str) -> None:
    """Say once which operation made a summary take the plain way."""
    if operation not in _told:
        _told.add(operation)
        _log.warning("no fast summary of %s: summaries take the plain way, slowly.", operation)


def _summary(task: Task, groups: Groups, u: Parameters, method: str) -> Summary:
    """The summary by one method.

    Args:
        task: The loss and the data.
        groups: The groups by rank.
        u: The direction.
        method: "jets" or "autodiff".

    Returns:
        The summary.

    Raises:
        NoRuleError: If an operation has no rule in the fast pass.
    """
    tapes: list[Tape] = []

    def watcher() -> Tape:
        tapes[:] = [Tape()]
        return tapes[0]

    def work(loss: Tensor, leaves: Parameters) -> Values:
        if tapes:
            found, again = sweep(tapes[0], loss, groups, leaves, u)
        else:
            along = Along(groups, leaves, u)
            found = derivatives(along.gradient(loss), along)
            again = torch.full_like(found.g, math.nan)
        return loss.detach(), found.g, found.H, found.third, again

    def settle(evaluation: Evaluation, values: Values) -> Values:
        """Set what is nothing but rounding to zero; count the batches in which it is not."""
        loss, g, H, third, again = values
        if not tapes:
            again = slopes_again(evaluation, groups, u)
        recompute = (jet_rows if tapes else plain_rows)(evaluation, groups, u)
        inert = inert_groups(Derivatives(g, H, third), again, recompute)
        live = torch.where(inert, 0, torch.ones_like(g))
        either = inert[:, None] | inert
        return loss, g.where(~inert, 0), H.where(~either, 0), third.where(~inert, 0), live

    chosen = watcher if method == "jets" else None
    (loss, g, H, third, live), weight = task.combined(work, settle, chosen)
    rank = groups.order.argsort().to(g.device)
    inert = live[rank] == 0
    return Summary(loss, g[rank], H[rank][:, rank], third[rank], inert, method, weight)


def derivative_tensor(
    model: nn.Module,
    loss_fn: LossFunction,
    data: object,
    partition: Partition,
    order: int,
    direction: Mapping[str, Tensor] | None = None,
    *,
    dtype: torch.dtype | None = None,
    normaliser: Normaliser | None = None,
) -> Tensor:
    """The full summary of order d, D^(d)(u): every mixed derivative along the groups.

    It takes about S^(d−1)/(d−1)! reverse passes. The model is left as it was.

    Args:
        model: The model, in the mode (train or eval) it is to be summarised in.
        loss_fn: loss_fn(model(x), y) -> scalar.
        data: One batch (x, y), or an iterable of such (a loader), whose batches are combined.
        partition: The model's partition, S groups.
        order: d ≥ 1.
        direction: u by parameter name, matched by name; None: the gradient of this very data.
        dtype: What to compute in (``torch.float64``); None: the model's own dtype.
        normaliser: How batches combine, as for ``summarise``.

    Returns:
        D^(d), symmetric, [S]*d.

    Raises:
        InputError: If something given does not fit; the message says what.
    """
    check_number("order", order, low=1, integer=True)
    task = Task(model, loss_fn, batches(data), partition, dtype, normaliser)
    task.check()
    u = task.gradient() if direction is None else task.direction(direction)
    groups = groups_of(partition, device_of(model))

    def work(loss: Tensor, leaves: Parameters) -> Values:
        along = Along(groups, leaves, u)
        return (tensor_of_order(along.gradient(loss), along, order),)

    (result,), _ = task.combined(work)
    rank = groups.order.argsort().to(result.device)
    return result[torch.meshgrid(*[rank] * order, indexing="ij")]
