"""Groups whose third derivative is too small for the dtype, along a direction of a better size.

D^(3)_sss is of the size of u_s³, so in single precision it is lost where u_s is below 1e-13, near
convergence and at fine levels. But the method does not depend on the unit of a group: with every
group of u multiplied by the power of two that takes its largest entry to about 1, not one digit of
any derivative changes, and none is lost. ḡ, H̄ and D follow in the units given.

Legend: S groups.
"""

import dataclasses
import math

import torch
from torch import Tensor

from gnlab.partitions import Partition
from gnlab.summaries.evaluation.evaluation import Parameters
from gnlab.summaries.summary import Scaled, Summary

_DTYPES = frozenset({torch.float32, torch.float64})
_SPARE = 2.0**10  # above the least normal number, so that sums of what is rounded there are right
# A third derivative that is zero, is it lost? Along entries below these powers of the dtype's least
# number it may be; many are truly zero (those of a quadratic), and are not computed twice then.
# Where the curvature is negative, which without a cubic term has no answer, it is sooner looked at.
_LITTLE, _LITTLE_FALLING = 1 / 4, 1 / 8


def better_units(found: Summary, partition: Partition, u: Parameters) -> Tensor | None:
    """By what each group of u is to be multiplied.

    Args:
        found: The summary along u.
        partition: The groups.
        u: The direction, by name.

    Returns:
        Powers of two, [S]; None, as nearly always, where nothing was lost.
    """
    if found.third.dtype not in _DTYPES:
        return None
    least = torch.finfo(found.third.dtype).tiny
    third = found.third.abs().cpu()
    if bool(third.min() >= _SPARE * least):
        return None
    live = ~found.inert.cpu()
    small = third < _SPARE * least
    if bool(live.any()):  # or everything is lost
        small &= live
    bends = found.H.diagonal().cpu()
    lost = small & ((third > 0) | (bends < least ** (2 * _LITTLE)))  # the cheaper look comes first
    if not bool(lost.any()):
        return None
    largest = _largest(partition, u).cpu()
    little = (largest < least**_LITTLE) | (bends < 0) & (largest < least**_LITTLE_FALLING)
    lost &= (third > 0) | little
    limit = -round(math.log2(least))
    exponents = (-largest.frexp().exponent).clamp(0, limit).where(largest > 0, 0)
    if not bool((lost & (exponents > 0)).any()):
        return None
    powers = [math.ldexp(1.0, e) for e in exponents.tolist()]
    return torch.tensor(powers, dtype=torch.float64, device="cpu").to(found.third)


def multiplied(partition: Partition, u: Parameters, units: Tensor) -> Parameters:
    """A direction, each group in other units.

    Args:
        partition: The groups.
        u: The direction, by name.
        units: By what each group is multiplied, [S].

    Returns:
        The direction in them.
    """
    owners = partition.groups
    return {name: value * units[owners[name].to(value.device)] for name, value in u.items()}


def in_given_units(found: Summary, units: Tensor) -> Summary:
    """A summary along a direction as it was given.

    Args:
        found: The summary along the direction in other units.
        units: By what each group was multiplied, powers of two, [S].

    Returns:
        The summary; what its dtype cannot hold is in ``Summary.scaled``.
    """
    back = 1 / units

    def pairs(values: Tensor) -> Tensor:
        return values * back[:, None] * back

    return dataclasses.replace(
        found,
        g=found.g * back,
        H=pairs(found.H),
        third=found.third * back * back * back,
        ggn=None if found.ggn is None else pairs(found.ggn),
        parts=tuple(dataclasses.replace(part, H=pairs(part.H)) for part in found.parts),
        scaled=Scaled(found.g, found.H, found.third, units, found.ggn),
    )


def _largest(partition: Partition, u: Parameters) -> Tensor:
    """The largest size of an entry of u in each group, [S]."""
    largest = next(iter(u.values())).new_zeros(partition.num_groups)
    for name, owner in partition.groups.items():
        sizes, where = u[name].abs(), owner.to(largest.device)
        if not sizes.numel():  # it is in no group
            continue
        if not where.dim():  # all of it is in one
            sizes = sizes.max()
        where = where.expand_as(sizes).reshape(-1)
        largest.scatter_reduce_(0, where, sizes.reshape(-1), "amax")
    return largest
