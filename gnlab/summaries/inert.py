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

Digits that mean something come back only where the loss does not jump and has no kink. Both are
mostly at short numbers (`.int()` at 1, a clamp's ends), which therefore stay where they are; and
where the loss is another one at the moved parameters, they are not moved at all.

The fast pass has ḡ twice from the start, once from its jets and once from its adjoints, and so
learns at no cost that nothing has been rounded away since; ``faint.py`` says where the values
themselves may be rounding.

Legend: S groups, r the rank of a group, k the factors.
"""

import contextlib
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gnlab.errors import InputError
from gnlab.summaries.autodiff import Along, Derivatives, Groups, pure_third
from gnlab.summaries.evaluation.evaluation import Evaluation, Parameters
from gnlab.summaries.faint import Sizes, faint
from gnlab.summaries.recording.tape import Tape
from gnlab.summaries.sweep import FACTOR, sweep

# A number whose recomputed values all lie this near to it, relatively, is more than rounding.
_FAITHFUL = 1 / 64
# Rounding agrees with itself by chance now and then: three trials make that a rarity, and of the
# hundreds of numbers of a long row the few that are left get as many again.
# The golden, silver and bronze means are the numbers that fractions approximate worst.
_FACTORS = tuple((n + (n**2 + 4) ** 0.5) / 2 for n in (1, 2, 3, 4, 5, 6))
_TRIALS = 3
_FEW = 1 / 64
# A row by the definition takes about as long as this many groups take in the fast pass.
_PLAIN_ROW = 16

# Numbers of so many binary digits stay where they are: that is where functions jump.
_SHORT = 7

Recompute = Callable[[float, list[int]], Tensor]
"""(k, ranks) -> ḡ_s, H̄_s· and D^(3)_sss of some groups with other rounding, [len, S + 2]."""

Work = Callable[[Tensor, Parameters], Tensor]
"""What is done with a loss and its leaves by name."""


def inert_groups(
    loss: Tensor, base: Derivatives, again: Tensor, sizes: Sizes, recompute: Recompute
) -> Tensor | None:
    """Find the groups whose ḡ_s, row of H̄ and D^(3)_sss are all at rounding level.

    A stationary group (ḡ_s = 0 at a minimum) has curvature that is not rounding, so it is not
    inert. Numbers that are not finite are never called rounding.

    Args:
        loss: The loss, [].
        base: The derivatives, by rank.
        again: ḡ once more, with other rounding errors.
        sizes: How large the groups are, to know those that hardly have an effect.
        recompute: What computes everything once more, for the groups that these make suspects.

    Returns:
        Whether each group is inert, by rank, [S] bool; None if no group looks as if it were.
    """
    # Where fewer than half of ḡ's digits come back, the group is looked at closely.
    eps: float = torch.finfo(base.g.dtype).eps
    half = eps**0.5
    # A GPU is waited for here; to ask it for these few numbers in one go is the quickest.
    orders = base.g, base.H.diagonal(), base.third, again.to(base.g), loss.expand_as(base.g)
    asked = torch.cat([torch.stack(orders), sizes.squares]).tolist()
    *found, twice, losses = asked[:5]
    small = faint(found, asked[5:], sizes.counts, losses[0] if losses else 0.0, eps)
    strange = [
        tiny or abs(a - b) >= half * abs(b)
        for a, b, tiny in zip(twice, found[0], small, strict=True)
    ]
    if not any(strange):
        return None
    suspects = torch.tensor(strange, device=base.g.device)
    values = torch.cat([base.g[:, None], base.H, base.third[:, None]], 1)
    inert = (values == 0).all(1)
    suspects &= ~inert
    strayed = torch.zeros_like(values, dtype=torch.bool)
    for trial, k in enumerate(_FACTORS):
        if trial >= _TRIALS:
            suspects &= (~strayed).sum(1) <= _FEW * strayed.shape[1]
        ranks = suspects.nonzero()[:, 0].tolist()
        if not ranks:
            break
        rows = recompute(k, ranks)
        astray = (rows - values[ranks]).abs() >= _FAITHFUL * values[ranks].abs()
        strayed[ranks] |= astray
        inert |= suspects & strayed.all(1)
        # That most of a row, and four numbers at least, come back by chance does not happen.
        suspects[ranks] &= (~astray).sum(1) <= max(3, astray.shape[1] // 2)
        suspects &= ~inert
    return inert


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Where the derivatives are that are computed once more.

    Attributes:
        evaluation: The loss as a function.
        groups: The groups by rank.
        u: The direction.
        loss: The loss, [].
    """

    evaluation: Evaluation
    groups: Groups
    u: Parameters
    loss: Tensor

    def nearby(self, k: float, prepare: Callable[[Evaluation], tuple[Evaluation, Work]]) -> Tensor:
        """Evaluate the loss where it rounds otherwise, and hand it to some work.

        Args:
            k: Says which way every parameter is moved by a unit in the last place.
            prepare: Says how to evaluate, and what to do with it, anew for each evaluation.

        Returns:
            What the work returned.
        """
        evaluation, work = prepare(self.evaluation)

        def same(loss: Tensor, leaves: Parameters) -> Tensor | None:
            half = torch.finfo(loss.dtype).eps ** 0.5 * self.loss.abs()
            return work(loss, leaves) if (loss.detach() - self.loss).abs() <= half else None

        found = evaluation.at(same, _nudge(k))
        if found is None:
            evaluation, work = prepare(self.evaluation)
            found = evaluation.at(work)
        return found


def slopes_again(point: Point) -> Tensor:
    """ḡ with other rounding errors, by the plain definition, by rank, [S]."""

    def slopes(along: Along, loss: Tensor, k: float) -> Tensor:
        return along.entries(along.gradient(loss, graph=False)) / k

    return _measured(point, _FACTORS[0], slopes)


def plain_rows(point: Point) -> Recompute:
    """What recomputes rows by the plain definition.

    Args:
        point: Where.

    Returns:
        The function.
    """

    def recompute(k: float, ranks: list[int]) -> Tensor:
        def profile(along: Along, loss: Tensor, k: float) -> Tensor:
            f = along.gradient(loss)
            g, rows = along.entries(f), []
            for r in ranks:
                row = along.derivative(f, r, point.groups.reach[0], graph=True)
                third = pure_third(row, r, along)
                entries = [g[r : r + 1] / k, along.entries(row) / k**2, third[None] / k**3]
                rows.append(torch.cat(entries))
            return torch.stack(rows)

        return _measured(point, k, profile)

    return recompute


def jet_rows(point: Point, memory: float | None) -> Recompute:
    """What recomputes rows by the fast pass.

    Args:
        point: Where.
        memory: Bytes that jets may take, as for ``sweep``.

    Returns:
        The function.
    """

    def recompute(k: float, ranks: list[int]) -> Tensor:
        nudged = _nudged(point.u, k)

        def taped(evaluation: Evaluation) -> tuple[Evaluation, Work]:
            tape = Tape()

            def work(loss: Tensor, leaves: Parameters) -> Tensor:
                found = sweep(
                    tape, loss, point.groups, leaves, nudged, factor=k * FACTOR, budget=memory
                ).derivatives
                parts = [found.g[:, None] / k, found.H / k**2, found.third[:, None] / k**3]
                return torch.cat(parts, 1)[ranks]

            return evaluation.watched_by(tape), work

        return point.nearby(k, taped)

    return recompute


def cheaper_rows(plain: Recompute, jets: Recompute, size: int) -> Recompute:
    """The rows of a few groups by the plain definition, those of many by the fast pass.

    Args:
        plain: What recomputes rows by the definition, one at a time.
        jets: What recomputes all rows and hands out those that are asked for.
        size: S.

    Returns:
        The function.
    """

    def recompute(k: float, ranks: list[int]) -> Tensor:
        if _PLAIN_ROW * len(ranks) < size:
            # Torch may have no second derivative of an operation that has a rule here, or a wrong.
            with contextlib.suppress(RuntimeError, InputError):
                return plain(k, ranks)
        return jets(k, ranks)

    return recompute


def _measured(point: Point, k: float, measure: Callable[[Along, Tensor, float], Tensor]) -> Tensor:
    """Measure derivatives again, of k times the loss along k times the direction."""
    nudged = _nudged(point.u, k)

    def work(loss: Tensor, leaves: Parameters) -> Tensor:
        return measure(Along(point.groups, leaves, nudged), loss * k, k) / k

    return point.nearby(k, lambda evaluation: (evaluation, work))


def _nudged(u: Parameters, k: float) -> Parameters:
    """K times the direction, moved by a unit in the last place."""
    nudge = _nudge(k)
    return {name: nudge(value) * k for name, value in u.items()}


def _nudge(k: float) -> Callable[[Tensor], Tensor]:
    """What moves values by a unit in the last place, this way or that; short numbers stay."""
    pattern = _signs(int(1000 * k))

    def nudge(value: Tensor) -> Tensor:
        copies = -(-value.numel() // len(pattern))
        unit = (pattern * torch.finfo(value.dtype).eps).to(value)
        moved = value * (1 + unit).repeat(copies)[: value.numel()].reshape(value.shape)
        return torch.where(_short(value), value, moved)

    return nudge


def _short(value: Tensor) -> Tensor:
    """Which values have few binary digits: those that their own leading digits are (Dekker)."""
    digits = 1 - round(math.log2(torch.finfo(value.dtype).eps))
    split = value * (2.0 ** (digits - min(_SHORT, digits // 2)) + 1)
    return split - (split - value) == value


@functools.cache
def _signs(seed: int) -> Tensor:
    """Random signs, to be repeated; of a prime number, so that a matrix's rows differ.

    Drawing as many as there are parameters would cost more than all the rest.
    """
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (16381,), generator=rng, dtype=torch.float64, device="cpu") * 2 - 1
