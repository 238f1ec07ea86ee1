"""A debugging aid: the fast pass held against the plain definition, at every summary."""

import torch
from torch import Tensor

from gnlab.summaries.summary import Summary

COMPARE = "GNLAB_COMPARE"
"""The environment variable that has every fast summary checked; costs the plain way's time."""


def check_agreement(fast: Summary, plain: Summary) -> None:
    """Compare two summaries of the same loss.

    Args:
        fast: By the fast pass.
        plain: By the plain definition.

    Raises:
        ArithmeticError: If they differ by more than rounding; the message says where and by
            how much.
    """
    tolerance = torch.finfo(fast.g.dtype).eps ** 0.5
    for name in ("loss", "g", "H", "third"):
        one: Tensor = getattr(fast, name)
        two: Tensor = getattr(plain, name)
        error = float((one - two).abs().max())
        scale = float(two.abs().max())
        if error > tolerance * scale:
            raise ArithmeticError(
                f"the fast pass and the plain definition disagree: {name} differs by {error:.3g} "
                f"where its largest entry is {scale:.3g}; use method='autodiff', and please "
                "report the model."
            )
