"""The generalised Gauss–Newton summary by its definition, from the Jacobian's products.

Legend: S groups (s, t), y the model's output, ℓ the loss as a function of y, J = ∂y/∂η.
"""

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from gnlab.summaries.autodiff import Along
from gnlab.summaries.evaluation import Evaluated


def gauss_newton(seen: Evaluated, along: Along) -> Tensor:
    """The generalised Gauss–Newton summary Σ⟨Jˢ, ∇²ℓ Jᵗ⟩, with J the output's derivatives.

    Args:
        seen: The evaluated loss; its graph is kept.
        along: The direction.

    Returns:
        The matrix by rank, symmetric, [S, S].

    References:
        Schraudolph, Neural Computation 14 (2002), Sec. 3.
    """
    size = along.groups.size
    live = [y for y in tree_leaves(seen.output) if isinstance(y, Tensor) and y.requires_grad]
    # The loss as a function of the output alone: one entry of it may depend on another.
    free = {id(y): y.detach().requires_grad_() for y in live}
    output = tree_map(lambda y: free.get(id(y), y), seen.output)
    ys = list(free.values())
    slopes = torch.autograd.grad(
        seen.evaluation.loss_again(output), ys, create_graph=True, allow_unused=True
    )
    bent = [(slope, y) for slope, y in zip(slopes, ys, strict=True) if slope is not None]
    J = [_moved(live, along, r) for r in range(size)]
    rows = []
    for row in J:
        moved = [m for slope, m in zip(slopes, row, strict=True) if slope is not None]
        found = _pulled([slope for slope, _ in bent], ys, moved)
        rows.append(torch.stack([_inner(found, other) for other in J]))
    return torch.stack(rows)


def _moved(outputs: list[Tensor], along: Along, r: int) -> list[Tensor]:
    """How the outputs move with group r, by differentiating the reverse pass by its start."""
    starts = [torch.zeros_like(y, requires_grad=True) for y in outputs]
    names = along.groups.members[r]
    pulled = torch.autograd.grad(
        outputs, [along.leaves[n] for n in names], starts, create_graph=True, allow_unused=True
    )
    pairs = [(p, along.part(n, r)) for n, p in zip(names, pulled, strict=True) if p is not None]
    return _pulled([p for p, _ in pairs], starts, [u for _, u in pairs])


def _pulled(of: list[Tensor], by: list[Tensor], starts: list[Tensor]) -> list[Tensor]:
    """Σ ∂of/∂by · starts, zero where there is no way."""
    given = [(o, s) for o, s in zip(of, starts, strict=True) if o.requires_grad]
    if not given:
        return [torch.zeros_like(b) for b in by]
    found = torch.autograd.grad(
        [o for o, _ in given], by, [s for _, s in given], retain_graph=True, allow_unused=True
    )
    return [torch.zeros_like(b) if f is None else f for f, b in zip(found, by, strict=True)]


def _inner(one: list[Tensor], two: list[Tensor]) -> Tensor:
    """The inner product of two fields."""
    return torch.stack([(a * b).sum() for a, b in zip(one, two, strict=True)]).sum().detach()
