"""The entry points of the package: summaries of one batch or of a whole loader.

Legend: S groups, P parameters, d the order.

References:
    Wolinski, arXiv:2312.03885, Sec. 3 (D^(d)) and Sec. 4 (ḡ, H̄, D).
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from gnlab.errors import InputError, check_number, check_switch, unknown_choice
from gnlab.guards.convolutions import guessed_kernels
from gnlab.guards.exclusive import alone
from gnlab.guards.precision import full_precision
from gnlab.partitions import Partition
from gnlab.summaries import fused, limits
from gnlab.summaries.agreement import check_agreement, is_asked_for
from gnlab.summaries.autodiff import Along, Groups, groups_of
from gnlab.summaries.compute import Computation
from gnlab.summaries.evaluation.batches import batches
from gnlab.summaries.evaluation.evaluation import Evaluated, LossFunction, Parameters, check_dtype
from gnlab.summaries.loaders.normalisers import Normaliser
from gnlab.summaries.loaders.passes import Task, Values
from gnlab.summaries.orders import tensor_of_order
from gnlab.summaries.replay import Occasion, begun_early
from gnlab.summaries.rules import NoRuleError
from gnlab.summaries.summary import Summary
from gnlab.summaries.units import better_units, in_given_units, multiplied

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
    ggn: bool = False,
    parts: bool | Literal["fast"] = False,
    memory: float | None = None,
    tf32: bool = False,
) -> Summary:
    """Summarise a loss along a direction: ḡ, H̄ and D, one entry per group.

    The model is left as it was: parameters, ``.grad``, buffers, random state, train or eval mode.

    Args:
        model: The model, in the mode (train or eval) it is to be summarised in.
        loss_fn: loss_fn(model(x), y) -> scalar.
        data: One batch (x, y), or an iterable of such (a loader), whose batches are combined; a
            list that may be either, [[a, b], [c, d]], is refused.
        partition: The model's partition, S groups.
        direction: u by parameter name, matched by name; None: the gradient of this very data.
        method: "jets", the fast pass; "autodiff", the plain definition; "auto", the fast pass
            where every operation has a rule and the derivatives are numbers, else the plain
            definition, said once by name.
        dtype: What to compute in (``torch.float64``); None: the model's own dtype. What an
            operation adds is summed in it over a batch or a block of samples, and all of those,
            over operations and blocks, in float64; from bfloat16 (float16) expect two (three)
            digits of each order's largest entry, fewer where its terms cancel.
        normaliser: How batches of a loss unknown to torch combine: "samples" (a mean), "sum", or
            a function (x, y) -> weight. None: by the loss; of an unknown one a trial shows it, over
            samples of one batch and of two, and what it does not show (a mean over sequences of
            other lengths in each batch) has to be given.
        ggn: Whether to return the generalised Gauss–Newton summary too, ``Summary.ggn``.
        parts: Whether to return H̄'s parts by operation too, ``Summary.parts``; where the plain
            definition is computed they are two, the loss's and the model's, and cost extra passes.
            "fast": only with the fast pass, which gives them at no extra pass.
        memory: Bytes of tensors that the fast pass may add to the evaluated loss's values and
            adjoints, as estimated beforehand; at least those of H̄ and its parts, and of two groups.
            Beyond it fewer samples go forward at once, then fewer groups, more slowly, to the same
            answer; where it is near, what is free goes back to the system at once (glibc), which
            takes time too. None: half of what is free.
        tf32: Whether a GPU may multiply float32 numbers as TensorFloat-32, with ten bits of each.

    Returns:
        The summary, in the dtype computed in, on the model's device.

    Raises:
        InputError: If something given does not fit, or there are more groups than can be
            summarised on the model's device (see ``refusal``); the message says what.
        ArithmeticError: If the environment variable ``GNLAB_COMPARE`` is 1, which has every fast
            summary computed by the plain definition too, and the two do not agree.
    """
    if method not in METHODS:
        raise unknown_choice("method", method, METHODS)
    if parts not in (True, False, "fast"):
        raise InputError(f"parts must be True, False or 'fast'; got {parts!r}.")
    check_switch("ggn", ggn)
    check_switch("tf32", tf32)
    if memory is not None:
        check_number("memory", memory, low=0)
    check_dtype(dtype)
    task = Task(model, loss_fn, batches(data), partition, dtype, normaliser)

    def computed(u: Parameters) -> Summary:
        groups = groups_of(partition, task.device)
        wanted = Computation(task, groups, u, ggn=ggn, parts=parts, memory=memory)
        return wanted.by_definition() if method == "autodiff" else _fast(wanted, method)

    known = direction if method != "autodiff" and memory is None else None
    with alone(model):
        with _begun_early(model, known, data):
            task.check()
            limits.check(model, partition)
            with _kernels(task.device, tf32=tf32):
                u = task.gradient() if direction is None else task.direction(direction)
                found = computed(u)
        units = better_units(found, partition, u)
        if units is None:
            return found
        with _kernels(task.device, tf32=tf32):
            again = computed(multiplied(partition, u, units))
        return in_given_units(again, units)


def _begun_early(
    model: nn.Module, direction: object, data: object
) -> contextlib.AbstractContextManager[None]:
    """A context in which a GPU is at work already, if the summary may be the last one again."""
    if not isinstance(direction, Mapping) or type(data) is not tuple:
        return contextlib.nullcontext()
    changing = [value for value in (*direction.values(), *data) if isinstance(value, Tensor)]
    return begun_early(Occasion(model, changing))


@contextlib.contextmanager
def _kernels(device: torch.device, *, tf32: bool = False) -> Iterator[None]:
    """A context in which a GPU takes the kernels that summaries are computed with."""
    fused.prepare(device)
    with guessed_kernels(device), contextlib.nullcontext() if tf32 else full_precision(device):
        yield


def _fast(wanted: Computation, method: str) -> Summary:
    """The summary by the fast pass, or the plain way where that is allowed and needed."""
    compared = is_asked_for()
    try:
        found = wanted.by_jets()
    except NoRuleError as error:
        if method == "jets":
            raise InputError(
                f"the fast pass has no rule for {error}; use method='auto'."
            ) from error
        _tell(f"no fast summary of {error}")
        return wanted.by_definition()
    # An infinite derivative times zero is no number here, and may be zero by the definition.
    if method == "auto" and _are_finite(found.loss) and not _are_finite(*_orders(found)):
        plain = wanted.by_definition()
        if _are_finite(*_orders(plain)):
            _tell("a derivative of the loss is infinite times zero, no number in the fast pass")
            return plain
    if compared:
        check_agreement(found, wanted.by_definition(compared=True))
    return found


def _orders(summary: Summary) -> tuple[Tensor, ...]:
    """The derivatives of a summary."""
    return summary.g, summary.H, summary.third


def _are_finite(*values: Tensor) -> bool:
    """Whether all entries are finite numbers; a GPU is waited for once."""
    return bool(torch.stack([value.isfinite().all() for value in values]).all())


def _tell(reason: str) -> None:
    """Say once why a summary takes the plain way."""
    if reason not in _told:
        _told.add(reason)
        _log.warning("%s: summaries take the plain way, slowly.", reason)


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

    It takes about S^(d−1)/(d−1)! reverse passes, each two to three times as long as one of the
    order below; after five seconds a bar shows how far it is. The model is left as it was, also by
    Ctrl-C, which is heard after the running pass.

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
        InputError: If something given does not fit, or there is not the memory for the order; the
            message says what.
    """
    order = int(check_number("order", order, low=1, integer=True))
    task = Task(model, loss_fn, batches(data), partition, dtype, normaliser)
    with alone(model):
        task.check()
        limits.check_order(partition.num_groups, order, task.device)
        with _kernels(task.device):
            groups = groups_of(partition, task.device)
            u = task.gradient() if direction is None else task.direction(direction)
            result = _of_order(task, groups, u, order)
    rank = groups.order.argsort().to(result.device)
    return result[torch.meshgrid(*[rank] * order, indexing="ij")]


def _of_order(task: Task, groups: Groups, u: Parameters, order: int) -> Tensor:
    """D^(d), by rank."""

    def work(seen: Evaluated) -> Values:
        along = Along(groups, seen.leaves, u)
        return (tensor_of_order(along.gradient(seen.loss), along, order).to(seen.loss),)

    (result,), _ = task.combined(work)
    return result
