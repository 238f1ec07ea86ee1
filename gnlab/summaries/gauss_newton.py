"""The generalised Gauss–Newton summary by its definition, from Jacobians' products.

The loss ℓ is a function of what it is given: the model's output, what else the model has computed
(a hidden value that it was told to remember) and the parameters that it meets itself (those that
it decays, its own temperature). All of that is taken as linear in η; what bends is ℓ alone.

Legend: S groups (s, t), c what the loss is given, ℓ the loss as a function of c, J = ∂c/∂η.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gnlab.errors import InputError
from gnlab.summaries.autodiff import Along
from gnlab.summaries.differentiable import check_differentiable
from gnlab.summaries.evaluation.evaluation import Evaluated
from gnlab.summaries.evaluation.places import Elsewhere


def gauss_newton(seen: Evaluated, along: Along) -> Tensor:
    """The generalised Gauss–Newton summary Σ⟨Jˢ, ∇²ℓ Jᵗ⟩, with J the derivatives of what ℓ takes.

    Args:
        seen: The evaluated loss; its graph is kept.
        along: The direction.

    Returns:
        The matrix by rank, symmetric, in float64, [S, S].

    Raises:
        InputError: If the loss is another when it is evaluated again, or torch has no second
            derivative of it.

    References:
        Schraudolph, Neural Computation 14 (2002), Sec. 3.
    """
    # The loss as a function of what it is given alone: one entry of that may depend on another.
    apart = _Apart(seen.output)
    with apart:
        loss = seen.evaluation.loss_again(seen.output)
    loss = apart.stand_in(loss)
    _check_same(loss, seen.loss)
    cs = [*apart.free, *along.leaves.values()]
    slopes = torch.autograd.grad(loss, cs, create_graph=True, allow_unused=True)
    used = [i for i, slope in enumerate(slopes) if slope is not None]
    bent = [slope for slope in slopes if slope is not None]
    check_differentiable([seen.loss, loss, *bent])
    J = []
    for r in range(along.groups.size):
        moved = [*_moved(apart.given, along, r), *_own(along, r)]
        J.append([moved[i] for i in used])
    rows = []
    for row in J:
        found = _pulled(bent, [cs[i] for i in used], row)
        rows.append(torch.stack([_inner(found, other) for other in J]))
    return torch.stack(rows)


class _Apart(Elsewhere):
    """A context in which torch's functions take free copies of what was computed before it.

    Args:
        output: What is known to have been computed before.

    Attributes:
        given: What was met of it.
        free: Its free copies, leaves.
    """

    def __init__(self, output: Any) -> None:
        super().__init__({})
        self.given: list[Tensor] = []
        self.free: list[Tensor] = []
        self._stand_ins: dict[int, Tensor] = {}
        self._output = {id(t) for t in tree_leaves(output) if isinstance(t, Tensor)}
        node: Any = torch.ones((), device="cpu", requires_grad=True).clone().grad_fn
        self._begin: int = node._sequence_nr()

    def stand_in(self, value: Tensor) -> Tensor:
        """What stands in for a value: a function of its free copy, which may be overwritten."""
        node: Any = value.grad_fn
        if node is None or not (id(value) in self._output or node._sequence_nr() < self._begin):
            return value
        if id(value) not in self._stand_ins:
            with torch.enable_grad():
                free = value.detach().clone().requires_grad_()
                self._stand_ins[id(value)] = free.clone()
            self.given.append(value)
            self.free.append(free)
        return self._stand_ins[id(value)]

    def _of(self, value: Any) -> Any:
        return self.stand_in(value) if isinstance(value, Tensor) else super()._of(value)


def _check_same(again: Tensor, loss: Tensor) -> None:
    """Raise if the loss has overwritten what it was given, and so is another the second time."""
    half = torch.finfo(loss.dtype).eps ** 0.5
    if not torch.allclose(again, loss, rtol=half, atol=0, equal_nan=True):
        raise InputError(
            f"the loss is {loss.item():.6g}, and {again.item():.6g} when it is evaluated again: "
            "does it overwrite the model's output? Without that it has a Gauss-Newton summary."
        )


def _own(along: Along, r: int) -> list[Tensor]:
    """How the parameters themselves move with group r."""
    mine = set(along.groups.members[r])
    return [
        along.part(name, r) if name in mine else leaf.new_zeros(()).expand_as(leaf)
        for name, leaf in along.leaves.items()
    ]


def _moved(outputs: list[Tensor], along: Along, r: int) -> list[Tensor]:
    """How the outputs move with group r, by differentiating the reverse pass by its start."""
    if not outputs:
        return []
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
    """The inner product of two fields, in float64."""
    products = [(a.double() * b.double()).sum() for a, b in zip(one, two, strict=True)]
    return torch.stack(products).sum().detach()
