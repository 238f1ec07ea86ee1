"""The fast pass: one adjoint sweep back, one sweep of jets forward.

The loss is evaluated once and its operations recorded. The ordinary backward pass gives the
adjoint δ of every operation that has curvature, but no parameter's gradient. Then the operations
are gone through once more in their order, with jets (``forward.py``).

Legend: S groups, p origins of curvature.
"""

import contextlib
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gnlab.guards.allocation import giving_back, keep_memory
from gnlab.summaries.autodiff import Along, Derivatives, Field, Groups
from gnlab.summaries.forward import Way
from gnlab.summaries.jets.curvature import LOSS, Origin
from gnlab.summaries.jets.ranks import keep
from gnlab.summaries.recording.tape import Tape
from gnlab.summaries.replay.forwards import carried
from gnlab.summaries.rules import Call, NoRuleError
from gnlab.summaries.samples.blocks import usual_room

# The adjoints are those of the loss times this, and their sums are divided by it: so they round
# unlike the jets, and ḡ has two values that agree where it is more than rounding. No fraction of
# small numbers comes near it.
FACTOR = (1 + math.sqrt(5)) / 2

_LIKE = frozenset({"view_as", "reshape_as", "expand_as", "type_as", "to"})
"""Operations on their first argument alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """What a sweep finds, by rank.

    Attributes:
        derivatives: ḡ, H̄ and D^(3)_sss, in the loss's dtype.
        slopes: ḡ again, as the adjoints have it, in the loss's dtype.
        origins: Where each of H̄'s parts comes from, p of them.
        parts: H̄'s parts, in float64, p times [S, S]; their sum is H̄.
    """

    derivatives: Derivatives
    slopes: Tensor
    origins: tuple[Origin, ...]
    parts: tuple[Tensor, ...]


def sweep(
    tape: Tape,
    loss: Tensor,
    groups: Groups,
    leaves: Mapping[str, Tensor],
    u: Mapping[str, Tensor],
    *,
    factor: float = FACTOR,
    named: bool = False,
    budget: float | None = None,
) -> Sweep:
    """Compute ḡ, H̄ and D^(3)_sss of a loss that was evaluated under a tape.

    Args:
        tape: The tape.
        loss: The loss.
        groups: The groups by rank.
        leaves: The parameters by name.
        u: The direction by parameter name.
        factor: What the adjoints are multiplied by meanwhile.
        named: Whether H̄'s parts are kept apart by operation, or only the loss's from the model's.
        budget: Bytes that jets may take before samples or groups are divided; None: half of what
            is free.

    Returns:
        What was found.

    Raises:
        NoRuleError: If an operation has no rule.
    """
    if loss.device.type == "cpu":
        keep_memory()
    _check_unchanged(tape)
    gradients = _adjoints(tape, loss, leaves, factor)
    with torch.no_grad():
        scaled = number(factor, loss.device)
        way = Way(tape, tape.operand(loss), groups, u, named, scaled)
        plan = way.plan(budget)
        usual = len(plan.chunks) == 1 and plan.room == usual_room(loss.device)
        with giving_back(loss.device) if plan.tight else contextlib.nullcontext():
            total = carried(way) if usual and not plan.tight else way.carry_by(plan)
        g, third, slopes, H = total.found.split_with_sizes((1, 1, 1, groups.size))
        again = slopes[0]
        if gradients:
            apart = Along(groups, leaves, u).entries(gradients)
            again = ((total.slopes + apart) / factor).to(again)
    origins, parts = total.origins, total.parts
    if named and len(plan.chunks) > 1:
        origins, parts = _in_order(tape, origins, parts)
    return Sweep(Derivatives(g[0], H, third[0]), again, origins, parts)


def _in_order(
    tape: Tape, origins: tuple[Origin, ...], parts: tuple[Tensor, ...]
) -> tuple[tuple[Origin, ...], tuple[Tensor, ...]]:
    """The parts in the order of the operations, the loss's last; chunks add them in another."""
    places: dict[Origin, int] = {}
    for call in tape.calls:
        places.setdefault((call.place, call.name), len(places))
    order = sorted(
        range(len(origins)), key=lambda i: (origins[i][0] == LOSS, places.get(origins[i], -1))
    )
    return tuple(origins[i] for i in order), tuple(parts[i] for i in order)


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def number(value: float, device: torch.device) -> Tensor:
    """A number on a device, kept: sending it anew would wait for the device."""
    return keep(torch.tensor(value, dtype=torch.float64, device=device))


def _check_unchanged(tape: Tape) -> None:
    """Raise if a value was overwritten after it was recorded."""
    for constant, version in tape.constants:
        if constant._version != version:
            raise NoRuleError(f"a constant overwritten after its use in {_taker(tape, constant)}")
    for call in tape.calls:
        for operand in [*call.results, *call.given]:
            if operand.value._version != operand.version:
                whose = "result" if operand in call.results else "argument"
                raise NoRuleError(f"a change in place of a {whose} of {call.name}")


def _taker(tape: Tape, constant: Tensor) -> str:
    """The operation that took a constant."""
    takers = (
        call.name
        for call in tape.calls
        if any(leaf is constant for leaf in tree_leaves((call.args, call.kwargs)))
    )
    return next(takers, "an operation")


def _adjoints(tape: Tape, loss: Tensor, leaves: Mapping[str, Tensor], factor: float) -> Field:
    """Give every curved call its adjoint; the gradients of the parameters used apart."""
    curved = [call for call in tape.calls if call.edge is not None]
    apart = [name for name, leaf in tape.leaves.items() if leaf.apart]
    edges = [call.edge for call in curved if call.edge is not None]
    inputs: list[Any] = [*edges, *(leaves[name] for name in apart)]
    start = torch.full_like(loss, factor)
    found = torch.autograd.grad(loss, inputs, start, allow_unused=True) if inputs else ()
    for call, delta in zip(curved, found, strict=False):
        call.delta, call.edge = delta, None
    _check_arrived(tape, loss, curved)
    rest = zip(apart, found[len(curved) :], strict=True)
    return {name: gradient for name, gradient in rest if gradient is not None}


def _check_arrived(tape: Tape, loss: Tensor, curved: list[Call]) -> None:
    """Raise if an operation that the loss is made of has no adjoint: autograd lost its trace.

    Nothing is known that does this; without the check it would be a wrong number in silence.
    """
    missing = {id(call) for call in curved if call.delta is None}
    if not missing:
        return
    needed = {id(tape.operand(loss))}
    for call in reversed(tape.calls):
        if needed.isdisjoint(map(id, call.results)):
            continue
        if id(call) in missing:
            raise NoRuleError(f"{call.name}, whose result was overwritten in an unusual way")
        # Of others nothing but the shape, or the dtype, is taken.
        needed.update(map(id, call.given[:1] if call.name in _LIKE else call.given))
