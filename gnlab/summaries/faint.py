"""Which groups hardly change the loss: their derivatives may be rounding of its values.

ḡ computed twice tells rounding on the way of the derivatives, and not what has been rounded
before: the mean of what an instance norm returns is zero but for rounding, so are the derivatives
by weights that it is multiplied with, and every computation at the same parameters finds the same
digits.

Moved along u by its own size, r_s = ‖θ_s‖/‖u_s‖, a group changes the loss to order k by
|D^(k)_s| r_s^k, whatever the units. Where that is no more than a rounding error of what another
group does to each order, or all groups' of the loss, the group is worth a close look. It is no more
than that: an effect that is this small, and real, comes back with other rounding errors.

Legend: S groups, θ parameters, n_s of P elements in a group, T tensors.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnlab.summaries.autodiff import Groups
from gnlab.summaries.jets.ranks import keep

_ROUNDING = 64  # times the last digit: what a sum of rounded values may be off
_ENOUGH = 4096  # elements of a tensor, evenly spaced


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """How large the groups are.

    Attributes:
        squares: ‖θ_s‖² and ‖u_s‖² by rank, [2, S], float64; a part of a parameter is taken to be
            no smaller than its parts are on average, since a single element may be next to zero.
            Of a large parameter it is an estimate.
        counts: n_s by rank.
    """

    squares: Tensor
    counts: tuple[float, ...]


@torch.no_grad()
def sizes(groups: Groups, parameters: Mapping[str, Tensor], u: Mapping[str, Tensor]) -> Sizes:
    """Measure the groups; nothing is waited for.

    Args:
        groups: The groups by rank.
        parameters: θ by name, with those of the groups among them.
        u: The direction by name.

    Returns:
        Their sizes.
    """
    counts = _counts(groups, tuple(u[name].numel() for name in groups.owners))
    return Sizes(_squares(groups, parameters, u), counts)


def faint(
    orders: Sequence[Sequence[float]],
    squares: Sequence[Sequence[float]],
    counts: Sequence[float],
    loss: float,
    eps: float,
) -> list[bool]:
    """Find the groups whose effect on the loss is of the size of rounding errors.

    A group of few elements has a small effect by nature, and is measured by its share of them, as
    √(n_s/P). A parameter that is zero has no size and is taken to be of size 1.

    Args:
        orders: ḡ, the diagonal of H̄ and D^(3)_sss, S each.
        squares: ‖θ_s‖² and ‖u_s‖², S each.
        counts: n_s.
        loss: The loss.
        eps: The last digit of a number 1 in the loss's dtype.

    Returns:
        Whether each group is; True where all is zero, False where its effect is not known.
    """
    effects = []
    for g, h, third, theta, along, count in zip(*orders, *squares, counts, strict=True):
        size = math.sqrt((theta or count) / along) if along else math.inf
        terms = [abs(v) * size**k if v else 0.0 for k, v in enumerate((g, h, third), 1)]
        effects.append(terms if all(map(math.isfinite, terms)) else [math.nan])
    known = [terms for terms in effects if len(terms) > 1]
    # Order by order: moved by its own size, a deep network's loss is beyond what a few foretell.
    largest = [max(order) for order in zip(*known, strict=True)] or [0.0]
    rounding = _ROUNDING * eps
    # The loss is no measure but for all of them: what varies of it may be a small part.
    if max(largest) <= rounding * abs(loss):
        return [len(terms) > 1 for terms in effects]
    every = sum(counts)
    shares = [rounding * math.sqrt(count / every) for count in counts]
    return [
        len(terms) > 1 and all(v <= share * most for v, most in zip(terms, largest, strict=True))
        for terms, share in zip(effects, shares, strict=True)
    ]


def _sample(value: Tensor) -> Tensor:
    """Enough of a tensor to know its size: on a CPU it takes long to read a large one whole."""
    step = value.numel() // _ENOUGH | 1
    if step == 1 or value.device.type != "cpu" or not value.is_contiguous():
        return value
    return value.view(-1)[::step]


def _squares(groups: Groups, theta: Mapping[str, Tensor], u: Mapping[str, Tensor]) -> Tensor:
    """‖θ_s‖² and ‖u_s‖² as ``Sizes`` has them; what is of one group whole is done at once."""
    owners, (whole, cut) = groups.owners, _names(groups)
    found = []
    if whole:
        values = [field[name] for field in (theta, u) for name in whole]
        some = list(map(_sample, values))
        times = [v.numel() / max(s.numel(), 1) for v, s in zip(values, some, strict=True)]
        found.append(torch.stack(torch._foreach_norm(some)).double().square().reshape(2, -1))
        if max(times) > 1:
            found[0] *= found[0].new_tensor(times).reshape(2, -1)
    for name in cut:
        parts = [field[name].square().sum_to_size(owners[name].shape) for field in (theta, u)]
        own, along = (part.reshape(-1).double() for part in parts)
        found.append(torch.stack([own.clamp(min=own.mean()), along]))
    ranks = _ranks(groups)
    total = torch.zeros(2, groups.size, dtype=torch.float64, device=ranks.device)
    return total.index_add(1, ranks, torch.cat(found, 1))


@functools.lru_cache(maxsize=2)
def _names(groups: Groups) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parameters that belong to one group whole, and those that are cut."""
    owners = groups.owners
    whole = tuple(name for name, owner in owners.items() if owner.dim() == 0)
    return whole, tuple(name for name in owners if name not in whole)


@functools.lru_cache(maxsize=2)
@torch.inference_mode(False)
def _ranks(groups: Groups) -> Tensor:
    """The ranks of all parameters' parts, one after the other, those of whole parameters first."""
    whole, cut = _names(groups)
    return keep(torch.cat([groups.owners[name].reshape(-1) for name in (*whole, *cut)]))


@functools.lru_cache(maxsize=2)
def _counts(groups: Groups, elements: tuple[int, ...]) -> tuple[float, ...]:
    """n_s by rank; of the elements of each parameter, as the groups have them."""
    total = [0.0] * groups.size
    for owner, count in zip(groups.owners.values(), elements, strict=True):
        for rank in owner.reshape(-1).tolist():
            total[rank] += count / owner.numel()
    return tuple(total)
