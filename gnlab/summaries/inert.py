"""Which groups have no effect on the loss: their derivatives are nothing but rounding.

A unit that is dead has u = 0. A bias in front of a batch norm in train mode moves nothing, but
its computed derivatives are not zero: they are sums that cancel up to rounding. How large that
rounding is cannot be read off their size, and no absolute threshold would survive a rescaling of
the parameters. So the same numbers are computed again with other rounding errors everywhere: at
parameters and along a direction moved by a unit in the last place, and with the loss and the
direction multiplied by a number (and the results divided by it). All of this is needed: the
forward pass, the tangents and the backward pass round on their own; and rounding errors are small
multiples of one unit, which a nudge alone often leaves the same, while a factor that no fraction
of small numbers comes near never does. Digits that mean something come back; rounding does not.

Legend: S groups, r the rank of a group, k the factors.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from gnlab.summaries.autodiff import Along, Derivatives, Groups, pure_third
from gnlab.summaries.evaluation import Evaluation, Parameters

# A number whose recomputed values all lie this near to it, relatively, is more than rounding.
_FAITHFUL = 1 / 64
# Rounding agrees with itself by chance now and then: three trials make that a rarity.
# The golden, silver and bronze means are the numbers that fractions approximate worst.
_FACTORS = tuple((n + (n**2 + 4) ** 0.5) / 2 for n in (1, 2, 3))

Measure = Callable[[Along, Tensor, float], Tensor]


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
        strayed[ranks] |= (rows - values[ranks]).abs() >= _FAITHFUL * values[ranks].abs()
        found = suspects & strayed.all(1)
        inert |= found
        suspects &= ~found
    return inert


def _profile(base: Derivatives) -> Tensor:
    """ḡ_s, H̄_s· and D^(3)_sss of every group side by side, [S, S + 2]."""
    return torch.cat([base.g[:, None], base.H, base.third[:, None]], 1)


def _slopes(along: Along, loss: Tensor, k: float) -> Tensor:
    """ḡ alone, [S], for a direction k times as long."""
    return along.entries(along.gradient(loss, graph=False)) / k


def _rows_of(ranks: list[int]) -> Measure:
    """What computes the profile of some groups alone, [len(ranks), S + 2]."""

    def profile(along: Along, loss: Tensor, k: float) -> Tensor:
        f = along.gradient(loss)
        g, rows = along.entries(f), []
        for r in ranks:
            row = along.derivative(f, r, along.groups.reach[0], graph=True)
            third = pure_third(row, r, along)
            rows.append(
                torch.cat([g[r : r + 1] / k, along.entries(row) / k**2, third[None] / k**3])
            )
        return torch.stack(rows)

    return profile


@functools.cache
def _signs(seed: int) -> Tensor:
    """Random signs, to be repeated; of a prime number, so that a matrix's rows differ.

    Drawing as many as there are parameters would cost more than all the rest.
    """
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (16381,), generator=rng, dtype=torch.float64) * 2 - 1


def _recompute(
    evaluation: Evaluation,
    groups: Groups,
    u: Parameters,
    k: float,
    measure: Measure,
) -> Tensor:
    """Measure derivatives again with other rounding errors."""
    pattern = _signs(int(1000 * k))

    def nudge(value: Tensor) -> Tensor:
        copies = -(-value.numel() // len(pattern))
        unit = (pattern * torch.finfo(value.dtype).eps).to(value)
        return value * (1 + unit).repeat(copies)[: value.numel()].reshape(value.shape)

    nudged = {name: nudge(value) * k for name, value in u.items()}

    def work(loss: Tensor, leaves: Parameters) -> Tensor:
        return measure(Along(groups, leaves, nudged), loss * k, k) / k

    return evaluation.at(work, nudge)
