"""The safeguard: how much of a step is taken, by what the model says of it and what the loss says.

Algorithm 1 keeps the positive part of the solve's answer and averages it over time, and what comes
of that is no minimiser any more: it may lead far past the model's minimum, or uphill. So the step
is cut back to where the cubic model along it is least, and then halved until the loss on the
summary batch falls by a tenth of what the model promises there. Both are differences of losses, so
the step does not depend on any group's units.

Legend: S groups, η step sizes, λ₁ = lr, t the factor on η, T the cubic model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnlab.cubic import Line, along
from gnlab.summaries import Summary

ENOUGH = 0.1
"""The share of the promised decrease that must come true (Armijo's condition)."""
HALVINGS = 12
"""After which a step that brings nothing is given up: a four-thousandth of it would not help."""
_ROUNDING = 16.0  # of the loss's last digit, which neither reading is better than


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """What is let through of a step.

    Attributes:
        eta: η, the share in it, so that λ₁η is the step, float64, [S].
        taken: The share of the step that is taken, in [0, 1].
        loss: The loss after it.
    """

    eta: Tensor
    taken: float
    loss: float


def guarded(
    summary: Summary,
    candidates: Sequence[Tensor],
    lr: float,
    damping: float,
    loss_after: Callable[[Tensor], float],
) -> Guarded:
    """Let through of a step what the model and the loss agree on.

    Args:
        summary: ḡ, H̄, D and the loss before the step.
        candidates: η in the order of preference, at least one, each float64 [S]; the first along
            which the model falls is taken.
        lr: λ₁.
        damping: λ_int.
        loss_after: The loss on the summary's batch after a step of the given sizes, λ₁η.

    Returns:
        The step.
    """
    eta, line = _downhill(summary, candidates, damping)
    before = float(summary.loss)
    rounding = _ROUNDING * torch.finfo(summary.loss.dtype).eps * abs(before)
    t = min(lr, line.minimum)
    for _ in range(HALVINGS + 1):
        if t == 0:
            break
        after = loss_after(t * eta)
        # A loss that is not a number is not less than anything.
        if after <= before + ENOUGH * line.change(t) + rounding:
            return Guarded(t / lr * eta, t / lr, after)
        t /= 2
    taken = 0.0 if lr > 0 and bool(eta.any()) else 1.0
    return Guarded(taken * eta, taken, before)


def _downhill(
    summary: Summary, candidates: Sequence[Tensor], damping: float
) -> tuple[Tensor, Line]:
    """The first step sizes along which the model falls, or the first of all, and T along them."""
    H, g, d = summary.coefficients()
    lines = [along(H, g, d, damping, eta) for eta in candidates]
    falling = [k for k, line in enumerate(lines) if line.minimum > 0]
    k = falling[0] if falling else 0
    return candidates[k], lines[k]
