"""What the losses that are written out share: their reductions, and what they leave to torch."""

from torch import Tensor

from gnlab.summaries.rules.calls import CaseError


def modern(size_average: object, reduce: object) -> None:
    """Raise if a reduction is asked for in the way of years ago."""
    if size_average is not None or reduce is not None:
        raise CaseError("with size_average or reduce")


def alike(x: Tensor, y: Tensor) -> None:
    """Leave it to torch to refuse targets of another shape."""
    if x.shape != y.shape:
        raise CaseError("of targets of another shape")


def reduced(each: Tensor, reduction: str) -> Tensor:
    """A loss's values as its reduction has them; torch's own operators number the reductions."""
    if reduction == "none":
        return each
    if reduction not in ("mean", "sum"):
        raise CaseError("with an unusual reduction")
    return each.sum() if reduction == "sum" else each.sum() / each.numel()
