"""Jets: a value's first and pure second derivatives along every group that has reached it.

With φ(η) = L(θ + U I η), a value v of the network carries Vˢ = ∂v/∂η_s and Vˢˢ = ∂²v/∂η_s². For
v = F(w₁, …) both go forward:

    Vˢ  = Σ_k ∂_kF·W_kˢ               Vˢˢ = Σ_k ∂_kF·W_kˢˢ + Σ_kl ∂²_klF[W_kˢ, W_lˢ]

and with the adjoint δ = ∂L/∂v of the ordinary backward pass each operation adds its own curvature:

    ḡ_s = Lˢ                          H̄_st ⟵ ⟨δ, Σ_kl ∂²_klF[W_kˢ, W_lᵗ]⟩
    D^(3)_sss ⟵ ⟨δ, Σ_klm ∂³_klmF[W_kˢ, W_lˢ, W_mˢ] + 3 Σ_kl ∂²_klF[W_kˢˢ, W_lˢ]⟩

Nothing but δ goes backward. A group that has not reached a value yet has no row in its jet.

Legend: S groups (s, t; as ranks, their order of depth), k ≤ S groups that have reached a value,
V values [k, *shape].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Derivatives of one value along some groups.

    Attributes:
        ranks: The groups, each once, in any order; k of them.
        values: The derivatives, [k, *shape].
    """

    ranks: tuple[int, ...]
    values: Tensor

    def map(self, f: Callable[[Tensor], Tensor]) -> "Part":
        """The same groups with f of the values."""
        return Part(self.ranks, f(self.values))

    @property
    def rows(self) -> Tensor:
        """The values as a matrix, [k, n]."""
        return self.values.reshape(len(self.ranks), -1)


@dataclass(frozen=True, slots=True, eq=False)
class Jet:
    """What a value carries forward.

    Attributes:
        first: Vˢ of the groups that have reached the value.
        second: Vˢˢ of those for which it is not zero; None for none.
    """

    first: Part
    second: Part | None = None

    def linear(self, f: Callable[[Tensor], Tensor]) -> "Jet":
        """The jet of a linear function of the value.

        Args:
            f: The function of many values at once, [k, *shape] -> [k, *new shape].

        Returns:
            The jet; f is called once.
        """
        if self.second is None:
            return Jet(self.first.map(f))
        k = len(self.first.ranks)
        values = f(torch.cat([self.first.values, self.second.values]))
        return Jet(Part(self.first.ranks, values[:k]), Part(self.second.ranks, values[k:]))

    def scaled(self, factor: Tensor) -> "Jet":
        """The jet of the value times a constant."""
        second = None if self.second is None else self.second.map(lambda v: v * factor)
        return Jet(self.first.map(lambda v: v * factor), second)


@dataclass(frozen=True, slots=True, eq=False)
class Operand:
    """A value that depends on the parameters, as an argument of an operation.

    Attributes:
        value: The value, without a graph.
        jet: Its jet.
    """

    value: Tensor
    jet: Jet


class Curvature:
    """H̄ and D^(3)_sss as they gather, in float64 whatever the tangents are in.

    Args:
        size: S.
        device: Where the tangents are.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.H = torch.zeros(size, size, dtype=torch.float64, device=device)
        self.third = torch.zeros(size, dtype=torch.float64, device=device)

    def within(self, ranks: Sequence[int], block: Tensor) -> None:
        """Add a symmetric block [k, k] to H̄."""
        place = self._place(ranks)
        self.H[place[:, None], place] += block.double()

    def between(self, rows: Sequence[int], columns: Sequence[int], block: Tensor) -> None:
        """Add a block [k, l] to H̄, and its transpose on the other side."""
        row, column = self._place(rows), self._place(columns)
        self.H[row[:, None], column] += block.double()
        self.H[column[:, None], row] += block.double().T

    def pure(self, ranks: Sequence[int], values: Tensor) -> None:
        """Add values [k] to D^(3)_sss."""
        self.third[self._place(ranks)] += values.double()

    def _place(self, ranks: Sequence[int]) -> Tensor:
        return torch.tensor(ranks, device=self.third.device)


Term = Callable[[Curvature, Tensor], None]
"""What an operation adds to the curvature, given the adjoint of its result."""


def together(parts: Sequence[Part | None]) -> Part | None:
    """The sum of some parts; a group that several have is added up."""
    given = [part for part in parts if part is not None and part.ranks]
    if len(given) < 2:
        return given[0] if given else None
    ranks = tuple(dict.fromkeys(rank for part in given for rank in part.ranks))
    if len(ranks) == sum(len(part.ranks) for part in given):
        return Part(ranks, torch.cat([part.values for part in given]))
    first = given[0].values
    new = first.new_zeros(len(ranks) - len(first), *first.shape[1:])
    total = torch.cat([first, new]) if len(new) else first.clone()
    for part in given[1:]:
        place = torch.tensor([ranks.index(rank) for rank in part.ranks], device=total.device)
        total.index_add_(0, place, part.values)
    return Part(ranks, total)


def in_common(one: Part | None, two: Part | None) -> tuple[tuple[int, ...], Tensor, Tensor] | None:
    """The groups that two parts share, with the values of both; None for no group."""
    if one is None or two is None:
        return None
    if one.ranks == two.ranks:
        return one.ranks, one.values, two.values
    ranks = tuple(rank for rank in one.ranks if rank in two.ranks)
    if not ranks:
        return None
    first, second = (part.values[[part.ranks.index(r) for r in ranks]] for part in (one, two))
    return ranks, first, second


def sum_of(jets: Sequence[Jet | None]) -> Jet:
    """The jet of a sum."""
    given = [jet for jet in jets if jet is not None]
    first = together([jet.first for jet in given])
    assert first is not None
    return Jet(first, together([jet.second for jet in given]))
