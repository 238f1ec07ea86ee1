"""The forward half of the fast pass: jets through every operation, layer by layer.

The operations are gone through in their order, and each makes the jets of its results and adds its
own curvature, whereupon the jets that no later operation needs are let go: what is in memory at
any time is the jets of a layer or two.

Nothing here reads a number out of a tensor or asks for more of it than shape and layout, so that
the same operations can be done again with other numbers (``replay``).

Legend: S groups, p origins of curvature.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gnlab.summaries.autodiff import Groups
from gnlab.summaries.chunks import Plan, fits_surely, is_beyond, most_at_once, plan
from gnlab.summaries.jets.curvature import Curvature, Origin
from gnlab.summaries.jets.jet import Jet, Operand
from gnlab.summaries.jets.owned import Pieces, Spread
from gnlab.summaries.jets.ranks import Ranks, common, index
from gnlab.summaries.recording.tape import Tape
from gnlab.summaries.rules import (
    APART,
    CURVED,
    RULES,
    UNUSUAL,
    Call,
    NoRuleError,
    Rule,
    unknown_case,
)
from gnlab.summaries.samples.blocks import blocks, carry, usual_room
from gnlab.summaries.samples.reach import Reach
from gnlab.summaries.samples.stretches import Room, stretches


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What the jets have added up to, by rank.

    Attributes:
        found: In the loss's dtype: ḡ from the loss's own jet, D^(3)_sss, ḡ as the adjoints have
            it, of the parameters that layers use, and H̄, [3 + S, S].
        slopes: The third of these in float64, still times the adjoints' factor, [S].
        parts: H̄'s parts in float64, p times [S, S].
        origins: Where each comes from.
    """

    found: Tensor
    slopes: Tensor
    parts: tuple[Tensor, ...]
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """What the jets have to go through.

    Attributes:
        tape: The operations.
        result: The loss.
        groups: The groups by rank.
        u: The direction by parameter name.
        named: Whether H̄'s parts are kept apart by operation, or only the loss's from the model's.
        factor: What the adjoints were multiplied by, a scalar in float64.
    """

    tape: Tape
    result: Operand
    groups: Groups
    u: Mapping[str, Tensor]
    named: bool
    factor: Tensor

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return self.result.value.device

    def carry(self) -> Carried:
        """Carry the jets of all groups forward at once."""
        return self.carry_by(Plan([tuple(range(self.groups.size))], usual_room(self.device)))

    def carry_by(self, plan: Plan) -> Carried:
        """Carry the jets forward as planned, of some groups, then of others; the same answer."""
        size, device = self.groups.size, self.device
        if len(plan.chunks) == 1:
            curvature = Curvature(size, device, self.named)
            self._carry(plan.chunks[0], curvature, plan.room)
            return self._read(curvature)
        total = Curvature(size, device, self.named)
        for some in plan.chunks:
            curvature = Curvature(size, device, self.named)
            self._carry(some, curvature, plan.room)
            total.take(some, curvature)
        return self._read(total)

    def plan(self, budget: float | None) -> Plan:
        """Which groups and how many samples go forward together.

        Args:
            budget: Bytes that jets may take; None: half of what is free.

        Returns:
            All groups if they fit.
        """
        if fits_surely(self.tape.calls, self.groups.size, budget):
            return Plan([tuple(range(self.groups.size))], usual_room(self.device))
        _mark_spent(self.tape.calls, self.result)
        starting = starting_groups(self.tape, self.groups)
        return plan(self.tape.calls, starting, self.groups.size, budget, self.device)

    def _carry(self, some: Ranks, curvature: Curvature, room: Room) -> None:
        """Carry the jets of some groups forward."""
        calls = self.tape.calls
        if not any(call.spent for call in calls):
            _mark_spent(calls, self.result)
        for name, u in self.u.items():
            self.tape.leaves[name].carried = _start(name, u, self.groups, some)
        if most_at_once(calls, len(some)) <= room.size:
            for call in calls:
                _go_through(call, curvature)
        else:
            for stretch in stretches(calls):
                carry(stretch, blocks(stretch, room), curvature, _go_through)
        if self.result.carried is not None:
            curvature.arrived(self.result.jet.expanded())

    def _read(self, curvature: Curvature) -> Carried:
        """The sums, and what they are once the factor is out of them."""
        origins, parts, H = curvature.parts(self.factor)
        sums = curvature.sums
        rows = H.new_empty(len(sums) + len(H), len(H), dtype=self.result.value.dtype)
        found = torch.cat([sums[:1], sums[1:] / self.factor, H], out=rows)
        return Carried(found, curvature.slopes, parts, origins)


def starting_groups(tape: Tape, groups: Groups) -> dict[int, Reach]:
    """The groups of each parameter.

    Args:
        tape: The operations.
        groups: The groups by rank.

    Returns:
        The groups, by the id of the parameter's operand.
    """

    def of(name: str) -> Reach:
        colouring = groups.colourings.get(name)
        if colouring is not None:
            return Reach(colourings=frozenset({colouring}))
        return Reach(frozenset(groups.ranks[name]))

    return {id(leaf): of(name) for name, leaf in tape.leaves.items() if name in groups.ranks}


def jets_beyond(tape: Tape, groups: Groups, limit: float) -> bool:
    """Whether the jets of all values would take more memory together than there may be.

    Args:
        tape: The operations.
        groups: The groups by rank.
        limit: Bytes.

    Returns:
        Whether they would.
    """
    return is_beyond(tape.calls, lambda: starting_groups(tape, groups), groups.size, limit)


def _start(name: str, u: Tensor, groups: Groups, some: Ranks) -> Jet | None:
    """A parameter's jet along some groups: u on a group's own elements, nothing else."""
    owner, ranks = groups.owners[name], common(groups.ranks[name], some)
    if not ranks:
        return None
    if owner.dim() == 0:
        return Jet(ranks, (), u[None])
    colouring = groups.colourings.get(name)
    if colouring is not None:
        colouring = colouring.of(ranks)
        if name in groups.pieces:
            return Pieces(u, colouring, owner, groups.size)
        return Spread(u, colouring)
    each = index(ranks, u.device).reshape(-1, *[1] * owner.dim())
    return Jet(ranks, (), u.where(owner == each, 0))


def _mark_spent(calls: list[Call], result: Operand) -> None:
    """Find after which call each operand is needed no more."""
    last: dict[int, tuple[Call, Operand]] = {}
    for call in calls:
        for operand in [*call.results, *call.given]:
            last[id(operand)] = (call, operand)
    for call, operand in last.values():
        if operand is not result:
            call.spent.append(operand)


def _go_through(call: Call, curvature: Curvature) -> None:
    """Make the jets of a call's results, add its curvature, let go of what is spent."""
    jetless = [operand.carried is None for operand in call.given]
    if not all(jetless):
        made = _made(call.without_jetless() if any(jetless) else call, curvature)
        for operand, jet in zip(call.results, made, strict=True):
            operand.carried = jet
    for operand in call.spent:
        operand.carried = None


def rule_of(operation: str) -> Rule | None:
    """The rule of an operation, if it has one."""
    return RULES.get(operation)


def _made(call: Call, curvature: Curvature) -> list[Jet]:
    """The jets of a call's results."""
    if call.name in CURVED:
        curvature.begin((call.place, call.name))
    try:
        if call.name not in APART:
            for operand in call.given:
                operand.carried = operand.jet.expanded()
        jets = RULES[call.name](call, curvature)
    except torch.OutOfMemoryError:
        raise
    except UNUSUAL as error:
        raise unknown_case(call.name, error) from error
    made = jets if isinstance(jets, list) else [jets]
    for operand, jet in zip(call.results, made, strict=True):
        if jet.values.shape[1:] != operand.value.shape or jet.values.dtype != operand.value.dtype:
            raise NoRuleError(f"{call.name} with a result of an unusual shape or dtype")
    return made
