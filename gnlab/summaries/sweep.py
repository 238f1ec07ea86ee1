"""The fast pass: one adjoint sweep back, one sweep of jets forward.

The loss is evaluated once and its operations recorded. The ordinary backward pass gives the
adjoint δ of every operation that has curvature, but no parameter's gradient. Then the operations
are gone through once more in their order, and each makes the jets of its results and adds its own
curvature, whereupon the jets that no later operation needs are let go: what is in memory at any
time is the jets of a layer or two.

Legend: S groups.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.autodiff import Along, Derivatives, Field, Groups
from gnlab.summaries.chunks import free_memory, passes
from gnlab.summaries.curvature import Curvature, Origin
from gnlab.summaries.jets import Jet, Operand, Ranks, common, index
from gnlab.summaries.rules import CURVED, RULES, Call, NoRuleError
from gnlab.summaries.tape import Tape

# The adjoints are those of the loss times this, and their sums are divided by it: so they round
# unlike the jets, and ḡ has two values that agree where it is more than rounding. No fraction of
# small numbers comes near it.
FACTOR = (1 + math.sqrt(5)) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """What a sweep finds, by rank.

    Attributes:
        derivatives: ḡ, H̄ and D^(3)_sss, in the loss's dtype.
        slopes: ḡ again, as the adjoints have it, in the loss's dtype.
        parts: H̄'s parts by their origin, in float64; their sum is H̄.
    """

    derivatives: Derivatives
    slopes: Tensor
    parts: dict[Origin, Tensor]


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
        budget: Bytes that jets may take before the groups go in chunks; None: half of what is
            free.

    Returns:
        What was found.

    Raises:
        NoRuleError: If an operation has no rule.
    """
    if loss.device.type == "cpu":
        _keep_memory()
    _check_unchanged(tape)
    gradients = _adjoints(tape, loss, leaves, factor)
    with torch.no_grad():
        total, g = _forward(tape, tape.operand(loss), groups, u, named, budget)
        if gradients:
            total.slopes += Along(groups, leaves, u).entries(gradients)
        parts = {origin: part / factor for origin, part in total.parts.items()}
        H = sum(parts.values(), total.third.new_zeros(groups.size, groups.size))
    like = loss.detach()
    found = Derivatives(g.to(like), H.to(like), (total.third / factor).to(like))
    return Sweep(found, (total.slopes / factor).to(like), parts)


def _forward(
    tape: Tape,
    result: Operand,
    groups: Groups,
    u: Mapping[str, Tensor],
    named: bool,
    budget: float | None,
) -> tuple[Curvature, Tensor]:
    """Carry the jets forward, of all groups at once or chunk by chunk; the curvature and ḡ."""
    device = result.value.device
    _mark_spent(tape.calls, result)
    members = _members(groups, u)
    starting = {id(tape.leaves[name]): ranks for name, ranks in members.items()}
    room = free_memory(device) if budget is None else budget
    total = Curvature(groups.size, device, named)
    g = torch.zeros_like(total.slopes)
    for some in passes(tape.calls, starting, groups.size, room):
        for name, ranks in members.items():
            jet = _start(u[name], groups.owners[name], common(ranks, some))
            tape.leaves[name].carried = jet
        whole = len(some) == groups.size
        curvature = total if whole else Curvature(groups.size, device, named)
        for call in tape.calls:
            _replay(call, curvature)
        if not whole:
            total.take(some, curvature)
        if result.carried is not None:
            g[index(result.jet.ranks, device)] = result.jet.first.double()
    return total, g


@functools.cache
def _keep_memory() -> None:
    """Have the C library keep what jets free, up to 64 MiB, for the jets that come.

    It would give it back to the system after each pass, and then a fifth of the next pass is spent
    on page faults. It learns what is worth keeping (glibc's dynamic threshold, at its largest)
    from the size of a block that is freed, even if nobody has written into it.
    """
    torch.empty(2**25 - 2**13, dtype=torch.uint8)


def _check_unchanged(tape: Tape) -> None:
    """Raise if a value was overwritten after it was recorded."""
    if any(constant._version != version for constant, version in tape.constants):
        raise NoRuleError("a constant overwritten after its use")
    for call in tape.calls:
        for operand in [*call.results, *call.given]:
            if operand.value._version != operand.version:
                raise NoRuleError("a change in place through a view")


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
    rest = zip(apart, found[len(curved) :], strict=True)
    return {name: gradient for name, gradient in rest if gradient is not None}


def _members(groups: Groups, u: Mapping[str, Tensor]) -> dict[str, Ranks]:
    """The groups of each parameter's elements."""
    members: dict[str, list[int]] = {name: [] for name in u}
    for rank, names in enumerate(groups.members):
        for name in names:
            members[name].append(rank)
    return {name: tuple(ranks) for name, ranks in members.items()}


def _start(u: Tensor, owner: Tensor, ranks: Ranks) -> Jet | None:
    """A parameter's jet along some groups: u on a group's own elements, nothing else."""
    if not ranks:
        return None
    if owner.dim() == 0:
        return Jet(ranks, (), u[None])
    return Jet(ranks, (), torch.stack([u.where(owner == rank, 0) for rank in ranks]))


def _mark_spent(calls: list[Call], result: Operand) -> None:
    """Find after which call each operand is needed no more."""
    last: dict[int, tuple[Call, Operand]] = {}
    for call in calls:
        for operand in [*call.results, *call.given]:
            last[id(operand)] = (call, operand)
    for call, operand in last.values():
        if operand is not result:
            call.spent.append(operand)


def _replay(call: Call, curvature: Curvature) -> None:
    """Make the jets of a call's results, add its curvature, let go of what is spent."""
    jetless = [operand.carried is None for operand in call.given]
    if not all(jetless):
        made = _made(call.without_jetless() if any(jetless) else call, curvature)
        for operand, jet in zip(call.results, made, strict=True):
            operand.carried = jet
    for operand in call.spent:
        operand.carried = None


def _made(call: Call, curvature: Curvature) -> list[Jet]:
    """The jets of a call's results."""
    if call.name in CURVED:
        curvature.begin((call.place, call.name))
    try:
        jets = RULES[call.name](call, curvature)
    except NoRuleError as error:
        raise NoRuleError(f"{call.name} {error}") from error
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise NoRuleError(f"{call.name} with unusual arguments") from error
    made = jets if isinstance(jets, list) else [jets]
    for operand, jet in zip(call.results, made, strict=True):
        if jet.values.shape[1:] != operand.value.shape or jet.values.dtype != operand.value.dtype:
            raise NoRuleError(f"{call.name} with a result of an unusual shape or dtype")
    return made
