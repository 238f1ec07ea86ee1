"""Whether a model and a loss split by samples, so that batches can be combined.

Known batch-coupled modules are named; for the rest a trial on one batch shows it: the output for
some of the samples alone, and the loss of some of the outputs alone.

Legend: N samples of a batch.
"""

from typing import Any, Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gnlab.errors import InputError
from gnlab.summaries.batches import Batch, num_samples, select, tensors
from gnlab.summaries.decompose import decomposed
from gnlab.summaries.evaluation import Evaluation

Way = Literal["samples", "sum"]
SPLITS: tuple[Way, Way] = ("samples", "sum")
"""How a loss may split: as the mean or as the sum of its samples' losses."""

# Rounding in single precision stays far below; a wrong normaliser far above.
_TOLERANCE = 1e-4


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

    Nothing is shown for one sample, for outputs not indexed by sample, or under dropout.

    Args:
        batch: The batch.
        evaluation: The batch's loss.
        output: The model's output for the batch.

    Raises:
        InputError: If the output for some of the samples alone differs.
    """
    if evaluation.drew():
        return
    size = num_samples(batch)
    rows = torch.arange(size)[: max(1, size // 3)]
    with torch.no_grad(), decomposed():
        alone = list(tensors(evaluation.model(select(evaluation.inputs, size, rows))))
    for part, whole in zip(alone, tensors(select(output, size, rows)), strict=False):
        if part.shape != whole.shape or not part.is_floating_point():
            continue
        error, scale = (part - whole).abs().amax(), whole.abs().amax()
        if error > _TOLERANCE * scale:
            raise InputError(
                f"cannot combine batches: the output of {type(evaluation.model).__name__} for a "
                "sample depends on the other samples of its batch; give one batch."
            )


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
    """
    whole = float(evaluation.loss(output).detach())
    positions = torch.arange(size)
    mean = total = size > 1
    for first in (positions < max(1, size // 3), positions % 3 == 1):
        chosen = [mask.nonzero()[:, 0] for mask in (first, ~first) if mask.any()]
        parts = []
        for rows in chosen:
            targets = select(evaluation.targets, size, rows)
            loss = evaluation.loss_of(select(output, size, rows), targets)
            parts.append(float(loss.detach()))
        scale = max(abs(whole), *(abs(part) for part in parts))
        shares = [len(rows) / size for rows in chosen]
        averaged = sum(share * part for share, part in zip(shares, parts, strict=True))
        mean = mean and abs(averaged - whole) <= _TOLERANCE * scale
        total = total and abs(sum(parts) - whole) <= _TOLERANCE * scale
    ways = zip(SPLITS, (mean, total), strict=True)
    return [way for way, holds in ways if holds]
