"""What a batch weighs when several batches are combined: the loss's true normaliser.

Derivatives are sums over samples only before the division by the loss's normaliser. That is the
number of samples for a plain mean, but the sum of class weights over the samples that are not
ignored for a weighted cross-entropy. With L_b the loss of batch b and w_b its normaliser, the
loss of all the data is Σ_b w_b L_b / Σ_b w_b; for a loss that is a sum, Σ_b L_b.

Legend: b batches, N samples, C classes.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from torch import Tensor, nn
from torch.nn import functional

from gnlab.errors import InputError, unknown_choice
from gnlab.summaries.evaluation.batches import Batch, num_samples
from gnlab.summaries.evaluation.evaluation import Evaluation, LossFunction
from gnlab.summaries.loaders.splitting import SPLITS, Sample, Way, check_output, splits

Normaliser = Literal["samples", "sum"] | Callable[[Any, Any], float | Tensor]
"""How a person says what a batch weighs: by name, or as a function of (x, y)."""


@dataclass(frozen=True, slots=True)
class Known:
    """A loss of torch, with the options that decide its normaliser.

    Attributes:
        kind: "classes" (normalised by class weights) or "entries" (a mean over entries).
        options: Its keywords: reduction, weight, ignore_index.
    """

    kind: str
    options: Mapping[str, Any]

    @property
    def is_sum(self) -> bool:
        """Whether the loss is a sum over samples."""
        return bool(self.options.get("reduction", "mean") == "sum")

    def weight(self, output: Any, targets: Any) -> float | Tensor:
        """The normaliser of a batch.

        Args:
            output: The model's output, the loss's first argument.
            targets: The loss's second argument.

        Returns:
            The normaliser, on the targets' device, so that nothing waits for it; 1 for a sum.
        """
        if self.is_sum:
            return 1.0
        if self.options.get("reduction", "mean") == "batchmean":
            return float(output.shape[0])
        if self.kind == "entries":
            return float((output.detach() - targets).numel())
        return self._class_weight(output, targets)

    def _class_weight(self, output: Tensor, targets: Tensor) -> float | Tensor:
        """Σ of the class weights over the targets that are not ignored."""
        if targets.is_floating_point():
            return float(output.numel() / output.shape[min(output.dim() - 1, 1)])
        counted = targets != self.options.get("ignore_index", -100)
        weight = self.options.get("weight")
        if weight is None:
            return cast(Tensor, counted.count_nonzero())
        return cast(Tensor, weight.double().cpu()[targets[counted].cpu()].sum())


_MODULES: dict[type[nn.Module], str] = {
    nn.CrossEntropyLoss: "classes",
    nn.NLLLoss: "classes",
    nn.MSELoss: "entries",
    nn.L1Loss: "entries",
    nn.SmoothL1Loss: "entries",
    nn.HuberLoss: "entries",
    nn.BCEWithLogitsLoss: "entries",
    nn.BCELoss: "entries",
    nn.KLDivLoss: "entries",
    nn.SoftMarginLoss: "entries",
    nn.PoissonNLLLoss: "entries",
}
_FUNCTIONS: dict[Callable[..., Tensor], str] = {
    functional.cross_entropy: "classes",
    functional.nll_loss: "classes",
    functional.mse_loss: "entries",
    functional.l1_loss: "entries",
    functional.smooth_l1_loss: "entries",
    functional.huber_loss: "entries",
    functional.binary_cross_entropy_with_logits: "entries",
    functional.binary_cross_entropy: "entries",
    functional.kl_div: "entries",
    functional.soft_margin_loss: "entries",
    functional.poisson_nll_loss: "entries",
}


def known(loss_fn: LossFunction) -> Known | None:
    """Recognise a loss of torch: a module, a function, or a ``partial`` of one.

    Args:
        loss_fn: The loss.

    Returns:
        What is known of its normaliser; None for any other loss.
    """
    if isinstance(loss_fn, nn.Module):
        kind = _MODULES.get(type(loss_fn))
        names = ("reduction", "weight", "ignore_index")
        options = {
            n: getattr(loss_fn, n)
            for n in names
            if n in {*vars(loss_fn), *dict(loss_fn.named_buffers())}
        }
        return None if kind is None else Known(kind, options)
    function, options = loss_fn, {}
    if type(loss_fn) is functools.partial:
        # These set the reduction too: what is not read here is found by trial.
        if loss_fn.args or {"size_average", "reduce"}.intersection(loss_fn.keywords):
            return None
        function, options = loss_fn.func, loss_fn.keywords
    if not inspect.isroutine(function) or function not in _FUNCTIONS:
        return None
    return Known(_FUNCTIONS[function], options)


class Weighing:
    """Gives each batch its weight, by the loss or by what a person says; checks what it can.

    Args:
        loss_fn: The loss.
        normaliser: "samples", "sum" or a function of (x, y); None: by the loss.

    Raises:
        InputError: If the normaliser is none of these.
    """

    def __init__(self, loss_fn: LossFunction, normaliser: Normaliser | None) -> None:
        if not (normaliser in (None, *SPLITS) or callable(normaliser)):
            raise unknown_choice("normaliser", normaliser, (*SPLITS, "a function of (x, y)"))
        self._known = known(loss_fn) if normaliser is None else None
        self._normaliser = normaliser
        self._by_trial = normaliser is None and self._known is None
        self._tried = normaliser is not None
        self._sample: Sample | None = None
        self._way: Way = SPLITS[0]

    @property
    def is_sum(self) -> bool:
        """Whether batches are to be added, not averaged; known after the first weight."""
        return self._normaliser == "sum" or (self._known is not None and self._known.is_sum)

    def weight(
        self, batch: Batch, evaluation: Evaluation, output: Any, *, alone: bool
    ) -> float | Tensor:
        """The weight of a batch.

        Args:
            batch: The batch.
            evaluation: The batch's loss.
            output: The model's output for it.
            alone: Whether it is the only batch, whose loss need not split.

        Returns:
            The weight w_b.

        Raises:
            InputError: If the loss is unknown and does not split by samples.
        """
        if not alone and not self._tried:
            self._tried = True
            check_output(batch, evaluation, output)
        if self._known is not None:
            return self._known.weight(output, evaluation.targets)
        if self._by_trial and not alone:
            self._try(batch, evaluation, output)
        if callable(self._normaliser):
            return _checked(self._normaliser(*batch))
        return 1.0 if self._normaliser == "sum" else float(num_samples(batch))

    def _try(self, batch: Batch, evaluation: Evaluation, output: Any) -> None:
        """Decide on the first batch how the loss splits; see that it does so on the others."""
        size = num_samples(batch)
        if size > 1 or self._sample is None:
            self._split(size, splits(size, evaluation, output))
        if self._sample is None:
            self._sample = Sample.of(size, evaluation, output)
        else:
            self._sample.check(self._way, size, evaluation, output)

    def _split(self, size: int, found: Sequence[Way]) -> None:
        """Take notice of the ways in which the loss of a batch splits."""
        if self._sample is None and found:
            self._way = self._normaliser = found[0]
        if self._normaliser in found:
            return
        if size == 1:
            raise InputError(
                "cannot combine batches: the first batch has one sample, which does not show "
                'how the loss splits; give normaliser= ("samples" for a mean, "sum").'
            )
        raise InputError(
            f"cannot combine batches: on a batch of {size} the loss is not the mean (nor the "
            "sum) of its samples' losses; give normaliser=, a function (x, y) -> weight."
        )


def _checked(weight: Any) -> float:
    """A batch's weight as a person's function gives it."""
    try:
        number = float(weight)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not 0 <= number < math.inf:
        shown = repr(weight) if isinstance(weight, (str, type(None))) else weight
        raise InputError(
            "normaliser must give what a batch's loss is divided by, a finite number of 0 or more; "
            f"got {shown}."
        )
    return number
