"""Whether a model and a loss split by samples, so that batches can be combined.

Known batch-coupled modules are named; for the rest a trial shows it: the output for some of the
samples alone, the loss of some of the outputs alone, and that of samples of two batches together.
Losses are held against each other with their slopes: where a network starts, its samples' losses
may be equal, whatever each of them weighs.

Legend: N samples of a batch.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from gnlab.errors import InputError
from gnlab.guards.graphless import graphless
from gnlab.summaries.evaluation.batches import Batch, map_tensors, num_samples, select, tensors
from gnlab.summaries.evaluation.evaluation import Evaluation, device_of
from gnlab.summaries.evaluation.randomness import same_random_state
from gnlab.summaries.formulas.decompose import decomposed
from gnlab.summaries.rules.calls import UNUSUAL

Way = Literal["samples", "sum"]
SPLITS: tuple[Way, Way] = ("samples", "sum")
"""How a loss may split: as the mean or as the sum of its samples' losses."""

# Rounding in single precision stays far below; a wrong normaliser far above.
_TOLERANCE = 1e-4
_KEPT = 2  # samples of the first batch: many a loss drops the dimension of a single one


def check_modules(model: nn.Module) -> None:
    """Refuse a model with modules that mix the samples of a batch.

    Args:
        model: The model, in train or eval mode as it will be evaluated.

    Raises:
        InputError: Naming the first batch norm that uses the batch's own statistics.
    """
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
            raise InputError(
                f"cannot combine batches: module {name!r} ({type(module).__name__}) normalises "
                "with each batch's own statistics; call model.eval(), or give one batch."
            )


def check_output(batch: Batch, evaluation: Evaluation, output: Any) -> None:
    """Refuse a model whose output for a sample depends on the other samples, by trial.

    Nothing is shown for one sample or for outputs not indexed by sample; under dropout, batch norm
    with the batch's own statistics alone is seen.

    Args:
        batch: The batch.
        evaluation: The batch's loss.
        output: The model's output for the batch.

    Raises:
        InputError: If the output for some of the samples alone differs, or cannot be had.
    """
    if evaluation.drew():
        device = device_of(evaluation.model)
        with same_random_state(device), decomposed(), _Unmixed():
            graphless(lambda: evaluation.model(evaluation.inputs))
        return
    size = num_samples(batch)
    rows = torch.arange(size, device="cpu")[: max(1, size // 3)]
    with decomposed(), _trial("the model's output for"):
        some = select(evaluation.inputs, size, rows)
        alone = list(tensors(graphless(lambda: evaluation.model(some))))
    for part, whole in zip(alone, tensors(select(output, size, rows)), strict=False):
        if part.shape != whole.shape or not part.is_floating_point():
            continue
        error, scale = (part - whole).abs().amax(), whole.abs().amax()
        if error > _TOLERANCE * scale:
            raise InputError(
                f"cannot combine batches: the output of {type(evaluation.model).__name__} for a "
                "sample depends on the other samples of its batch; give one batch."
            )


class _Unmixed(TorchFunctionMode):
    """A context that refuses what normalises with a batch's own statistics."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, unless it is a batch norm in train mode."""
        given = kwargs or {}
        norms = functional.batch_norm, torch.batch_norm  # whether it trains is sixth in both
        if func in norms and given.get("training", args[5] if len(args) > 5 else False):
            raise InputError(
                "cannot combine batches: the model calls batch_norm with each batch's own "
                "statistics; give training=False and running ones, or give one batch."
            )
        return func(*args, **given)


def splits(size: int, evaluation: Evaluation, output: Any) -> list[Way]:
    """Whether a batch's loss is the mean or the sum of its parts' losses, by trial.

    The outputs are split into two uneven parts, twice, so that a mean, a sum and a mean with
    weights differ. One sample cannot be split: it shows nothing.

    Args:
        size: N.
        evaluation: The batch's loss.
        output: The model's output for the batch.

    Returns:
        The ways in which it splits; none is a refusal.

    Raises:
        InputError: If the loss of some samples alone cannot be had.
    """
    if size == 1:
        return []
    given = map_tensors(lambda t: t.view_as(t) if t.requires_grad else t, output)
    leaves = [t for t in tensors(given) if t.requires_grad]
    positions = torch.arange(size, device="cpu")

    def loss(rows: Tensor) -> Tensor:
        return evaluation.loss_of(select(given, size, rows), select(evaluation.targets, size, rows))

    ways = list(SPLITS)
    with _trial("the loss of"):
        whole = loss(positions)
        for first in (positions < max(1, size // 3), positions % 3 == 1):
            chosen = [mask.nonzero()[:, 0] for mask in (first, ~first) if mask.any()]
            parts = [loss(rows) for rows in chosen]
            counts = [len(rows) for rows in chosen]
            ways = [way for way in ways if _is(way, whole, parts, counts, leaves)]
    return ways


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Some samples of a batch, to be put beside those of another.

    Attributes:
        rows: Of each tensor in the outputs and targets its first rows, detached; None where it is
            not indexed by sample.
    """

    rows: list[Tensor | None]

    @classmethod
    def of(cls, size: int, evaluation: Evaluation, output: Any) -> "Sample":
        """The first samples of a batch of N, given as for ``splits``."""

        def first(t: Tensor) -> Tensor | None:
            if not t.dim() or t.shape[0] != size:
                return None
            return t.detach()[:_KEPT].clone().requires_grad_(t.requires_grad)

        return cls([first(t) for t in tensors((output, evaluation.targets))])

    def check(self, way: Way, size: int, evaluation: Evaluation, output: Any) -> None:
        """Refuse a loss that does not split in the same way over samples of two batches.

        What is equal for all samples of a batch, such as the weight of the only class that occurs
        in it, shows only so. A sum has no normaliser; where its samples cannot be put beside each
        other (sequences of other lengths) it is taken for what it was alone.

        Args:
            way: How it splits over a batch's own.
            size: N of another batch.
            evaluation: Its loss.
            output: The model's output for it.

        Raises:
            InputError: If so, or if the samples of a mean cannot be put beside each other.
        """
        pairs = self._beside(size, (output, evaluation.targets))
        if pairs is None and way == "sum":
            return
        if pairs is None:
            raise InputError(
                "cannot combine batches: their samples differ in shape, so that a trial cannot "
                'show what each batch weighs in the mean; give normaliser= ("samples" if all '
                "samples weigh the same, or a function (x, y) -> weight)."
            )

        def loss(choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
            left = iter(pairs)

            def chosen(tensor: Tensor) -> Tensor:
                pair = next(left)
                return tensor if pair is None else choose(*pair)

            return evaluation.loss_of(*map_tensors(chosen, (output, evaluation.targets)))

        leaves = [t for pair in pairs if pair for t in pair if t.requires_grad]
        counts = next(([len(t) for t in pair] for pair in pairs if pair), [1, 1])
        with _trial("the loss of"):
            both = loss(lambda one, two: torch.cat([one, two]))
            parts = [loss(lambda one, _: one.clone()), loss(lambda _, two: two.clone())]
            same = _is(way, both, parts, counts, leaves)
        if not same:
            name = "mean" if way == "samples" else "sum"
            raise InputError(
                f"cannot combine batches: the loss is the {name} of its samples' losses within "
                "each batch, not over samples of two of them; give normaliser=, a function "
                "(x, y) -> weight."
            )

    def _beside(self, size: int, given: Any) -> list[tuple[Tensor, Tensor] | None] | None:
        """Each tensor's rows in both batches; None if they are not of one shape."""
        others = list(tensors(given))
        if len(others) != len(self.rows):
            return None
        pairs: list[tuple[Tensor, Tensor] | None] = []
        for one, t in zip(self.rows, others, strict=True):
            if one is None or not t.dim() or t.shape[0] != size:
                pairs.append(None)
            elif one.shape[1:] != t.shape[1:]:
                return None
            else:
                pairs.append((one, t[:_KEPT]))
        return pairs


def _is(
    way: Way,
    whole: Tensor,
    parts: Sequence[Tensor],
    counts: Sequence[int],
    leaves: Sequence[Tensor],
) -> bool:
    """Whether a loss is the mean or the sum of its parts, and so are its slopes."""
    shares = [count / sum(counts) if way == "samples" else 1.0 for count in counts]
    combined = torch.stack([s * part for s, part in zip(shares, parts, strict=True)]).sum()
    scale = max(float(loss.detach().abs()) for loss in (whole, *parts))
    # What is not a number is neither.
    if not float((combined - whole).detach().abs()) <= _TOLERANCE * scale:
        return False
    slopes = [
        torch.autograd.grad(
            loss, leaves, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        if leaves and loss.requires_grad
        else ()
        for loss in (combined, whole)
    ]
    pairs = list(zip(*slopes, strict=False))
    scale = max((float(t.abs().max()) for pair in pairs for t in pair if t.numel()), default=0.0)
    return all(
        torch.allclose(one, two, rtol=0, atol=_TOLERANCE * scale, equal_nan=True)
        for one, two in pairs
    )


@contextlib.contextmanager
def _trial(what: str) -> Iterator[None]:
    """A context in which an error of what is tried becomes one that says what helps."""
    try:
        yield
    except (InputError, torch.OutOfMemoryError):
        raise
    except (AssertionError, *UNUSUAL) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"cannot combine batches: {what} some of a batch's samples alone cannot be had "
            f"({type(error).__name__}: {reason}); give normaliser=, "
            'which is "samples" for a mean of samples, "sum", or a function (x, y) -> weight.'
        ) from error
