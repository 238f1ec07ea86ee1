"""Which groups hardly change the loss: their derivatives may be rounding of its values.

ḡ computed twice tells rounding on the way of the derivatives, and not what has been rounded
before: the mean of what an instance norm returns is zero but for rounding, so are the derivatives
by weights that it is multiplied with, and every computation at the same parameters finds the same
digits.

Moved along u by its own size, r_s = ‖θ_s‖/‖u_s‖, a group changes the loss to order k by
|D^(k)_s| r_s^k, whatever the units. Where that is no more than a rounding error of what another
group does, or of the loss, the group is worth a close look. It is no more than that: an effect that
is this small, and real, comes back when it is computed with other rounding errors.

Legend: S groups, θ parameters, n_s of P elements in a group, T tensors.
"""

import functools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gnlab.summaries.autodiff import Derivatives, Groups
from gnlab.summaries.jets.ranks import keep

_ROUNDING = 64  # times the last digit: what a sum of rounded values may be off


@torch.no_grad()
def faint(
    base: Derivatives,
    loss: Tensor,
    groups: Groups,
    parameters: Mapping[str, Tensor],
    u: Mapping[str, Tensor],
) -> Tensor:
    """Find the groups whose effect on the loss is of the size of rounding errors.

    A group of few elements has a small effect by nature, and is measured by its share of them, as
    √(n_s/P). A parameter that is zero has no size and is taken to be of size 1.

    Args:
        base: ḡ, H̄ and D^(3)_sss, by rank.
        loss: The loss, [].
        groups: The groups by rank.
        parameters: θ by name, with those of the groups among them.
        u: The direction by name.

    Returns:
        Whether each group is, by rank, [S] bool. Nothing is waited for.
    """
    names = tuple(groups.owners)
    count = _counts(groups, tuple(u[name].numel() for name in names))
    theta = _squares(groups, [parameters[name] for name in names])
    size = (theta.where(theta > 0, count) / _squares(groups, [u[name] for name in names])).sqrt()
    orders = torch.stack([base.g, base.H.diagonal(), base.third]).abs()
    effect = (orders * torch.stack([size, size**2, size**3])).amax(0).nan_to_num(0, 0, 0)
    whole = torch.maximum(effect.max(), loss.detach().abs())
    eps = torch.finfo(base.g.dtype).eps
    return effect <= _ROUNDING * eps * whole * (count / count.sum()).sqrt()


def _squares(groups: Groups, values: Sequence[Tensor]) -> Tensor:
    """‖v_s‖² by rank, [S], float64."""
    owners = list(groups.owners.values())
    norms = torch._foreach_norm(list(values))  # of all that belong to one group whole, at once
    parts = [
        norm.double().square().reshape(1)
        if owner.dim() == 0
        else value.square().sum_to_size(owner.shape).reshape(-1).double()
        for value, norm, owner in zip(values, norms, owners, strict=True)
    ]
    ranks = _ranks(groups)
    total = torch.zeros(groups.size, dtype=torch.float64, device=ranks.device)
    return total.index_add(0, ranks, torch.cat(parts))


@functools.lru_cache(maxsize=2)
@torch.inference_mode(False)
def _ranks(groups: Groups) -> Tensor:
    """The owners of all parameters, one after the other."""
    return keep(torch.cat([owner.reshape(-1) for owner in groups.owners.values()]))


@functools.lru_cache(maxsize=2)
@torch.inference_mode(False)
def _counts(groups: Groups, elements: tuple[int, ...]) -> Tensor:
    """n_s by rank, [S], float64."""
    ranks = _ranks(groups)
    total = torch.zeros(groups.size, dtype=torch.float64, device=ranks.device)
    each = [
        total.new_full((owner.numel(),), count / max(owner.numel(), 1))
        for owner, count in zip(groups.owners.values(), elements, strict=True)
    ]
    return keep(total.index_add(0, ranks, torch.cat(each)))
