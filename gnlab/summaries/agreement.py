"""A debugging aid: the fast pass held against the plain definition, at every summary.

Legend: S groups (s, t), L the loss.
"""

import os

import torch
from torch import Tensor

from gnlab.errors import InputError
from gnlab.summaries.jets.curvature import LOSS
from gnlab.summaries.summary import Summary

COMPARE = "GNLAB_COMPARE"
"""The environment variable that has every fast summary checked if it is 1; costs the plain way's
time."""

_ROUNDING = 64  # times the last digit of the largest entry: what sums that cancel may leave


def is_asked_for() -> bool:
    """Whether every fast summary is to be checked.

    Returns:
        Whether the environment variable is 1.

    Raises:
        InputError: If it is neither that nor 0 nor empty.
    """
    given = os.environ.get(COMPARE, "")
    if given not in ("", "0", "1"):
        raise InputError(
            f"the environment variable {COMPARE} must be 1, to check every fast summary, or 0; "
            f"got {given!r}."
        )
    return given == "1"


def check_agreement(fast: Summary, plain: Summary) -> None:
    """Compare two summaries of the same loss: every entry by the size of its own groups.

    Args:
        fast: By the fast pass.
        plain: By the plain definition.

    Raises:
        ArithmeticError: If they differ by more than rounding, or only one is finite; but where a
            higher derivative by the definition is not a number, as autograd's infinity times zero
            behind a dead unit, nothing is known. The message says where and by how much.
    """
    size, loss = _sizes(plain)
    square = loss * torch.outer(size, size)
    scales = {"loss": loss, "g": loss * size, "H": square, "third": loss * size**3}
    eps = torch.finfo(fast.g.dtype).eps
    if not fast.inert.equal(plain.inert):
        s = int((fast.inert != plain.inert).nonzero()[0])
        way = "the fast pass" if fast.inert[s] else "the plain definition"
        raise ArithmeticError(
            f"the fast pass and the plain definition disagree: group {s} has no effect by {way} "
            "alone; use method='autodiff', and please report the model."
        )
    ones, twos = _values(fast), _values(plain)
    for name, two in twos.items():
        one = ones.get(name)
        if one is None:
            continue
        same = (one == two) | (one.isnan() & two.isnan())
        if name not in ("loss", "g"):
            same |= two.isnan()
        error = (one - two).abs().where(~same, 0)
        known = two.abs().nan_to_num(0, 0)
        scale = scales.get(name, square)
        bound = eps**0.5 * torch.maximum(known, scale) + _ROUNDING * eps * known.max()
        wrong = ~(error <= bound)  # a number is no bound of what is not a number
        if wrong.any():
            raise ArithmeticError(
                f"the fast pass and the plain definition disagree: {name} differs by "
                f"{float(error[wrong].max()):.3g} where its largest entry is "
                f"{float(known.max()):.3g}; use method='autodiff', and please report the model."
            )


def _values(summary: Summary) -> dict[str, Tensor]:
    """What is compared, by name; of the parts the sums that both ways have."""
    values = {name: getattr(summary, name) for name in ("loss", "g", "H", "third")}
    if summary.ggn is not None:
        values["ggn"] = summary.ggn
    if summary.parts:
        of_loss, rest = torch.zeros_like(summary.H), torch.zeros_like(summary.H)
        for part in summary.parts:
            total = of_loss if part.kind == LOSS else rest
            total += part.H
        values |= {"the sum of the loss's parts": of_loss, "the sum of the model's parts": rest}
    return values


def _sizes(plain: Summary) -> tuple[Tensor, Tensor]:
    """How fast the loss changes along each group, in the loss's own size; and that size.

    With h_s the largest of |ḡ_s|/L, (|H̄_ss|/L)^(1/2) and (|D^(3)_sss|/L)^(1/3), L h_s h_t goes
    as H̄_st does when a group's parameters are scaled: a small group is not measured by a large one.
    """
    loss = plain.loss.abs().nan_to_num(0, 0)
    loss = loss.where(loss > 0, 1)
    orders = plain.g, plain.H.diagonal(), plain.third
    rates = [(v.abs().nan_to_num(0, 0) / loss) ** (1 / k) for k, v in enumerate(orders, 1)]
    return torch.stack(rates).amax(0), loss
