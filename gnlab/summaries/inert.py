"""Which groups have no effect on the loss: their derivatives are nothing but rounding.

A unit that is dead has u = 0. A bias in front of a batch norm in train mode moves nothing, but
its computed derivatives are not zero: they are sums that cancel up to rounding. How large that
rounding is cannot be read off their size, and no absolute threshold would survive a rescaling of
the parameters. So the same numbers are computed again with other rounding errors everywhere: at
parameters and along a direction moved by a unit in the last place, and with the loss multiplied by
an odd number (and the results divided by it). Each of the three is needed: the forward pass, the
tangents and the backward pass round on their own. Digits that mean something come back; rounding
does not.

Legend: S groups, r the rank of a group, k the odd factors.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gnlab.summaries.autodiff import Along, Derivatives, Groups, pure_third
from gnlab.summaries.evaluation import Evaluation, Parameters

# A number whose recomputed values all lie this near to it, relatively, is more than rounding.
_FAITHFUL = 1 / 64
# Rounding agrees with itself by chance now and then: three trials make that a rarity (4e-6).
_FACTORS = (3, 5, 7)


def inert_groups(
    evaluation: Evaluation, groups: Groups, u: Parameters, base: Derivatives
) -> Tensor:
    """Find the groups whose ḡ_s, row of H̄ and D^(3)_sss are all at rounding level.

    A stationary group (ḡ_s = 0 at a minimum) has curvature that is not rounding, so it is not
    inert. Numbers that are not finite are never called rounding.

    Args:
        evaluation: The loss.
        groups: The groups by rank.
        u: The direction.
        base: The derivatives, by rank.

    Returns:
        Whether each group is inert, by rank, [S] bool.
    """
    values = _profile(base)
    inert = (values == 0).all(1)
    # Where fewer than half of ḡ's digits come back, the group is looked at closely.
    half: float = torch.finfo(values.dtype).eps ** 0.5
    again = _recompute(evaluation, groups, u, _FACTORS[0], _slopes)
    suspects = (again - base.g).abs() >= half * base.g.abs()
    suspects &= ~inert
    strayed = torch.zeros_like(values, dtype=torch.bool)
    for k in _FACTORS:
        ranks = suspects.nonzero()[:, 0].tolist()
        if not ranks:
            break
        rows = _recompute(evaluation, groups, u, k, _rows_of(ranks))
        error, size = (rows - values[ranks]).abs(), values[ranks].abs()
        strayed[ranks] |= error >= _FAITHFUL * size
        suspects[ranks] &= ~(error < half * size).any(1)
    return inert | (suspects & strayed.all(1))


def _profile(base: Derivatives) -> Tensor:
    """ḡ_s, H̄_s· and D^(3)_sss of every group side by side, [S, S + 2]."""
    return torch.cat([base.g[:, None], base.H, base.third[:, None]], 1)


def _slopes(along: Along, loss: Tensor) -> Tensor:
    """ḡ alone, [S]."""
    return along.entries(along.gradient(loss, graph=False))


def _rows_of(ranks: list[int]) -> Callable[[Along, Tensor], Tensor]:
    """What computes the profile of some groups alone, [len(ranks), S + 2]."""

    def profile(along: Along, loss: Tensor) -> Tensor:
        f = along.gradient(loss)
        g, rows = along.entries(f), []
        for r in ranks:
            row = along.derivative(f, r, along.groups.reach[0], graph=True)
            parts = [g[r : r + 1], along.entries(row), pure_third(row, r, along)[None]]
            rows.append(torch.cat(parts))
        return torch.stack(rows)

    return profile


def _recompute(
    evaluation: Evaluation,
    groups: Groups,
    u: Parameters,
    factor: int,
    measure: Callable[[Along, Tensor], Tensor],
) -> Tensor:
    """Measure derivatives again with other rounding errors."""
    signs = torch.Generator().manual_seed(factor)

    def nudge(value: Tensor) -> Tensor:
        sign = torch.randint(0, 2, value.shape, generator=signs).to(value) * 2 - 1
        return value * (1 + sign * torch.finfo(value.dtype).eps)

    nudged = {name: nudge(value) for name, value in u.items()}

    def work(loss: Tensor, leaves: Parameters) -> Tensor:
        return measure(Along(groups, leaves, nudged), loss * factor) / factor

    return evaluation.at(work, nudge)
