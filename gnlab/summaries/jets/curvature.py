"""What operations add up to: H̄, D^(3)_sss, and ḡ a second time.

Every operation of the loss adds its own curvature, given its result's adjoint δ = ∂L/∂v:

    H̄_st       ⟵ ⟨δ, Σ_kl ∂²_klF[W_kˢ, W_lᵗ]⟩
    D^(3)_sss  ⟵ ⟨δ, Σ_klm ∂³_klmF[W_kˢ, W_lˢ, W_mˢ] + 3 Σ_kl ∂²_klF[W_kˢˢ, W_lˢ]⟩

and where a parameter enters, ⟨δ, Vˢ⟩ is its part of ḡ_s: the same number as the loss's own first
derivative, with other rounding.

Legend: S groups, k and l of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gnlab.summaries.jets.jet import Jet, rows_of
from gnlab.summaries.jets.products import dots, made_symmetric, products
from gnlab.summaries.jets.ranks import FEW, Ranks, common, index, meetings, places

LOSS = "loss"
"""Where the operations of the loss come from."""

Origin = tuple[str, str]
"""Where a part of H̄ comes from: the module's name or "loss", and the operation's name."""

_LARGE, _PARTS = 1024, 8  # groups whose products are worth dividing, and into how many parts
_DOZEN, _MANY = 12, 64  # rows that a CPU multiplies fast at once, and groups of which that helps
_FEW = 8  # groups of which a product more costs less than a sum more
_SHORT, _MOST = 1 << 12, 1 << 16  # numbers that wait to be added, of one kind and of all


@dataclass(frozen=True, slots=True, eq=False)
class _Addend:
    """Numbers that wait to be added.

    Attributes:
        total: What they are added to.
        values: The numbers, like the total.
        whole: The contiguous tensor that they are a view of.
        times: What they are multiplied by.
    """

    total: Tensor
    values: Tensor
    whole: Tensor
    times: float


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
        self._addends: list[_Addend] = []
        self._waiting = 0

    def begin(self, origin: Origin) -> None:
        """Count what follows into the part of H̄ of some origin."""
        self._origin = origin if self._named else (LOSS if origin[0] == LOSS else "", "")

    def parts(
        self, factor: Tensor | float = 1
    ) -> tuple[tuple[Origin, ...], tuple[Tensor, ...], Tensor]:
        """H̄ and its parts, each symmetric; nothing can be added after that.

        Args:
            factor: What they are to be divided by.

        Returns:
            Where they come from, p of them, the parts, p times [S, S], and their sum, [S, S].
        """
        self.settle()
        if not self._parts:
            return (), (), self.third.new_zeros(len(self._all), len(self._all))
        origins, parts = tuple(self._parts), [*self._parts.values()]
        self._parts.clear()
        if len(self._all) >= _LARGE:  # new memory would cost more than the sums
            parts = [made_symmetric(part).div_(factor) for part in parts]
            H = parts[0].clone()
            for part in parts[1:]:
                H += part
            return origins, tuple(parts), H
        whole = torch.stack(parts)
        whole = (whole + whole.mT).div_(2).div_(factor)
        return origins, whole.unbind(), whole.sum(0)

    def take(self, ranks: Ranks, other: "Curvature") -> None:
        """Take over what concerns some groups from sums over these groups alone."""
        other.settle()
        rows = index(ranks, self.third.device)
        self.third[rows] = other.third[rows]
        for origin, H in other._parts.items():
            if origin not in self._parts:
                self._parts[origin] = torch.zeros_like(H)
            self._parts[origin][rows[:, None], rows] = H[rows[:, None], rows]
        self.slopes[rows] = other.slopes[rows]
        self.g[rows] = other.g[rows]

    def within(self, ranks: Ranks, block: Tensor, whole: Tensor | None = None) -> None:
        """Add a symmetric block [k, k] to H̄; it may be a view of a whole."""
        self._add(ranks, ranks, block, 1, whole)

    def bent(self, jet: Jet, pulled: Tensor, rows: Tensor) -> None:
        """Add what a bent function of one variable adds: ⟨c, VˢVᵗ⟩ and 3⟨c, VˢVˢˢ⟩.

        Args:
            jet: The variable's jet, with k groups.
            pulled: c Vˢ, [k, n].
            rows: The rows of the jet, or some columns of them, [j + k, n].
        """
        j = len(jet.bent)
        place = places(jet.ranks, jet.bent)
        if j and len(jet.ranks) <= _FEW and isinstance(place, slice):
            product = products(pulled, rows)
            self.within(jet.ranks, product[:, j:], product)
            self.pure(jet.bent, product[place, :j].diagonal(), 3, product)
            return
        self.weighted(jet.ranks, pulled, rows[j:])
        runs = meetings(jet.ranks, jet.bent)
        if len(runs) > FEW:
            self.pure(jet.bent, dots(rows_of(jet.ranks, pulled, jet.bent), rows[:j]), 3)
            return
        for place, own in runs:
            self.pure(jet.bent[own], dots(pulled[place], rows[own]), 3)

    def weighted(self, ranks: Ranks, pulled: Tensor, rows: Tensor) -> None:
        """Add a symmetric product to H̄; of a large one little more than a half is computed.

        Args:
            ranks: The groups, k of them.
            pulled: Their rows times a weight for each column, [k, n].
            rows: Their rows, [k, n].
        """
        k = len(ranks)
        step = _step(k, rows.device)
        for a in range(0, k, step):
            b = min(a + step, k)
            product = products(pulled[a:b], rows[a:])
            self.within(ranks[a:b], product[:, : b - a], product)
            if b < k:
                self.between(ranks[a:b], ranks[b:], product[:, b - a :], product)

    def between(
        self, rows: Ranks, columns: Ranks, block: Tensor, whole: Tensor | None = None
    ) -> None:
        """Add a block [k, l] to H̄, and its transpose on the other side."""
        self._add(rows, columns, block, 2, whole)  # half of it is on the other side when it is read

    def scattered(self, rows: Tensor, columns: Tensor, values: Tensor, times: float = 1) -> None:
        """Add numbers, times a number, to entries of H̄.

        Args:
            rows: The row of each, [...].
            columns: Its column, [...]; the same entry may be added to more than once.
            values: The numbers, [...].
            times: The number.
        """
        place = rows.reshape(-1), columns.reshape(-1)
        self._part().index_put_(place, times * values.reshape(-1).double(), accumulate=True)

    def pure(
        self, ranks: Ranks, values: Tensor, times: float = 1, whole: Tensor | None = None
    ) -> None:
        """Add values [k], times a number, to D^(3)_sss; they may be a view of a whole."""
        self._into(self.third, ranks, values, times, whole)

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
        self.between(one.ranks, two.ranks, products(left.first, right.first))
        for ranks, a, others, b in (
            (one.bent, left.second, two.ranks, right.first),
            (one.ranks, left.first, two.bent, right.second),
        ):
            shared = common(ranks, others)
            if shared:
                self.pure(shared, dots(rows_of(ranks, a, shared), rows_of(others, b, shared)), 3)

    def settle(self) -> None:
        """Add what waits.

        To add a few single-precision numbers to a few in double precision takes as long as to
        make them: so all are turned to double precision at once.
        """
        if not self._addends:
            return
        wholes = {id(addend.whole): addend.whole for addend in self._addends}
        flat = torch.cat([whole.reshape(-1) for whole in wholes.values()]).double()
        begins, begin = {}, 0
        for key, whole in wholes.items():
            begins[key] = begin
            begin += whole.numel()
        for addend in self._addends:
            values, whole = addend.values, addend.whole
            offset = begins[id(whole)] + values.storage_offset() - whole.storage_offset()
            double = flat.as_strided(values.shape, values.stride(), offset)
            addend.total.add_(double, alpha=addend.times)
        self._addends.clear()
        self._waiting = 0

    def _later(self, total: Tensor, values: Tensor, times: float, whole: Tensor | None) -> None:
        """Add values, times a number, to a view of a sum, now or together with others."""
        whole = values if whole is None else whole
        if whole.numel() > _SHORT or not whole.is_contiguous():
            total.add_(values, alpha=times)
            return
        self._addends.append(_Addend(total, values, whole, times))
        self._waiting += whole.numel()
        if self._waiting > _MOST:
            self.settle()

    def _add(
        self, rows: Ranks, columns: Ranks, block: Tensor, times: float, whole: Tensor | None = None
    ) -> None:
        H = self._part()
        if rows == columns == self._all:
            self._later(H, block, times, whole)
            return
        row, column = places(self._all, rows), places(self._all, columns)
        if isinstance(row, slice) and isinstance(column, slice):
            self._later(H[row, column], block, times, whole)
        else:
            place = index(rows, block.device)[:, None], index(columns, block.device)
            H.index_put_(place, times * block.double(), accumulate=True)

    def _part(self) -> Tensor:
        """The part of H̄ that is added to."""
        if self._origin not in self._parts:
            self._parts[self._origin] = self.third.new_zeros(len(self._all), len(self._all))
        return self._parts[self._origin]

    def _into(
        self, total: Tensor, ranks: Ranks, values: Tensor, times: float, whole: Tensor | None = None
    ) -> None:
        if ranks == self._all:
            self._later(total, values, times, whole)
            return
        place = places(self._all, ranks)
        if isinstance(place, slice):
            self._later(total[place], values, times, whole)
        else:
            total.index_add_(0, index(ranks, total.device), values.double(), alpha=times)


def _step(k: int, device: torch.device) -> int:
    """How many rows of a symmetric product of k rows to compute at once."""
    if k >= _LARGE:
        return -(-k // _PARTS)
    if device.type != "cpu" or k <= _DOZEN + 2:
        return max(k, 1)
    # Of more than a dozen rows and few columns, a CPU's library makes a product of large blocks,
    # at a third of the speed.
    return _DOZEN if k <= _MANY else _MANY
