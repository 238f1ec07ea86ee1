"""What operations add up to: H̄, D^(3)_sss, and ḡ a second time.

Every operation of the loss adds its own curvature, given its result's adjoint δ = ∂L/∂v:

    H̄_st       ⟵ ⟨δ, Σ_kl ∂²_klF[W_kˢ, W_lᵗ]⟩
    D^(3)_sss  ⟵ ⟨δ, Σ_klm ∂³_klmF[W_kˢ, W_lˢ, W_mˢ] + 3 Σ_kl ∂²_klF[W_kˢˢ, W_lˢ]⟩

and where a parameter enters, ⟨δ, Vˢ⟩ is its part of ḡ_s: the same number as the loss's own first
derivative, with other rounding.

Legend: S groups, k and l of them.
"""

import torch
from torch import Tensor

from gnlab.summaries.jets import Jet, Ranks, common, index, places, rows_of

LOSS = "loss"
"""Where the operations of the loss come from."""

Origin = tuple[str, str]
"""Where a part of H̄ comes from: the module's name or "loss", and the operation's name."""

_LARGE, _PARTS = 1024, 8  # groups whose products are worth dividing, and into how many parts


class Curvature:
    """The sums, in float64 whatever the jets are in.

    Args:
        size: S.
        device: Where the jets are.
        named: Whether H̄'s parts are kept apart by operation, or only the loss's from the model's.

    Attributes:
        g: ḡ from the loss's own jet, [S].
        slopes: ḡ as the adjoints have it, [S].
        third: D^(3)_sss, [S].
        sums: ḡ, D^(3)_sss and the slopes, which are its rows, [3, S].
    """

    def __init__(self, size: int, device: torch.device, named: bool = False) -> None:
        self._named = named
        self.sums = torch.zeros(3, size, dtype=torch.float64, device=device)
        self.g, self.third, self.slopes = self.sums
        self._parts: dict[Origin, Tensor] = {}
        self._origin: Origin = ("", "")
        self._all = tuple(range(size))

    def begin(self, origin: Origin) -> None:
        """Count what follows into the part of H̄ of some origin."""
        self._origin = origin if self._named else (LOSS if origin[0] == LOSS else "", "")

    def parts(self) -> tuple[tuple[Origin, ...], Tensor]:
        """H̄'s parts, each symmetric.

        Returns:
            Where they come from, p of them, and the parts, [p, S, S].
        """
        size = len(self._all)
        if not self._parts:
            return (), self.third.new_zeros(0, size, size)
        whole = torch.stack([*self._parts.values()])
        return tuple(self._parts), (whole + whole.mT) / 2

    def take(self, ranks: Ranks, other: "Curvature") -> None:
        """Take over what concerns some groups from sums over these groups alone."""
        rows = index(ranks, self.third.device)
        self.third[rows] = other.third[rows]
        for origin, H in other._parts.items():
            if origin not in self._parts:
                self._parts[origin] = torch.zeros_like(H)
            self._parts[origin][rows[:, None], rows] = H[rows[:, None], rows]
        self.slopes[rows] = other.slopes[rows]
        self.g[rows] = other.g[rows]

    def within(self, ranks: Ranks, block: Tensor) -> None:
        """Add a symmetric block [k, k] to H̄."""
        self._add(ranks, ranks, block, 1)

    def weighted(self, ranks: Ranks, pulled: Tensor, rows: Tensor) -> None:
        """Add a symmetric product to H̄; of a large one little more than a half is computed.

        Args:
            ranks: The groups, k of them.
            pulled: Their rows times a weight for each column, [k, n].
            rows: Their rows, [k, n].
        """
        k = len(ranks)
        if k < _LARGE:
            self.within(ranks, pulled @ rows.T)
            return
        for i in range(_PARTS):
            a, b = i * k // _PARTS, (i + 1) * k // _PARTS
            self.within(ranks[a:b], pulled[a:b] @ rows[a:b].T)
            if b < k:
                self.between(ranks[a:b], ranks[b:], pulled[a:b] @ rows[b:].T)

    def between(self, rows: Ranks, columns: Ranks, block: Tensor) -> None:
        """Add a block [k, l] to H̄, and its transpose on the other side."""
        self._add(rows, columns, block, 2)  # half of it is on the other side when it is read

    def pure(self, ranks: Ranks, values: Tensor, times: float = 1) -> None:
        """Add values [k], times a number, to D^(3)_sss."""
        self._into(self.third, ranks, values, times)

    def arrived(self, jet: Jet) -> None:
        """Take ḡ from the loss's own jet."""
        self._into(self.g, jet.ranks, jet.first, 1)

    def slope(self, ranks: Ranks, values: Tensor) -> None:
        """Add values [k] to ḡ_s as the adjoints have it."""
        self._into(self.slopes, ranks, values, 1)

    def product(self, one: Jet, two: Jet) -> None:
        """Add what a product of two variables adds: ⟨δ, B(Aˢ, Bᵗ) + B(Aᵗ, Bˢ)⟩ and so on.

        Args:
            one: The first factor's jet.
            two: The second factor's, with δ drawn back through it to the first factor's shape.
        """
        left, right = one.matrix, two.matrix
        self.between(one.ranks, two.ranks, left.first @ right.first.T)
        for ranks, a, others, b in (
            (one.bent, left.second, two.ranks, right.first),
            (one.ranks, left.first, two.bent, right.second),
        ):
            shared = common(ranks, others)
            if shared:
                self.pure(shared, dots(rows_of(ranks, a, shared), rows_of(others, b, shared)), 3)

    def _add(self, rows: Ranks, columns: Ranks, block: Tensor, times: float) -> None:
        if self._origin not in self._parts:
            self._parts[self._origin] = self.third.new_zeros(len(self._all), len(self._all))
        H = self._parts[self._origin]
        row, column = places(self._all, rows), places(self._all, columns)
        if isinstance(row, slice) and isinstance(column, slice):
            H[row, column].add_(block, alpha=times)
        else:
            place = index(rows, block.device)[:, None], index(columns, block.device)
            H.index_put_(place, times * block.double(), accumulate=True)

    def _into(self, total: Tensor, ranks: Ranks, values: Tensor, times: float) -> None:
        place = places(self._all, ranks)
        if isinstance(place, slice):
            total[place].add_(values, alpha=times)
        else:
            total.index_add_(0, index(ranks, total.device), values.double(), alpha=times)


def dots(a: Tensor, b: Tensor) -> Tensor:
    """The product of each row of a matrix with the same row of another, [k, n] -> [k]."""
    # A batched product of matrices says the same, thirty times as slowly.
    result: Tensor = torch.linalg.vecdot(a, b)
    return result
