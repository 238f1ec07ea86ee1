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
from gnlab.summaries.curvature import Curvature, Origin
from gnlab.summaries.jets import Jet, Operand, index
from gnlab.summaries.rules import CURVED, RULES, Call, NoRuleError
from gnlab.summaries.rules.calls import operands
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
    factor: float = FACTOR,
    named: bool = False,
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

    Returns:
        What was found.

    Raises:
        NoRuleError: If an operation has no rule.
    """
    if loss.device.type == "cpu":
        _keep_memory()
    result = tape.operand(loss)
    curvature = Curvature(groups.size, loss.device, named)
    _check_unchanged(tape)
    gradients = _adjoints(tape, loss, leaves, factor)
    everything = tuple(range(groups.size))
    with torch.no_grad():
        if gradients:
            curvature.slope(everything, Along(groups, leaves, u).entries(gradients))
        for name, jet in _starting(groups, u).items():
            tape.leaves[name].carried = jet
        _mark_spent(tape.calls, result)
        for call in tape.calls:
            _replay(call, curvature)
        g = torch.zeros_like(curvature.slopes)
        g[index(result.jet.ranks, g.device)] = result.jet.first.double()
        parts = {origin: part / factor for origin, part in curvature.parts.items()}
        H = sum(parts.values(), torch.zeros(groups.size, groups.size).to(g))
    like = loss.detach()
    found = Derivatives(g.to(like), H.to(like), (curvature.third / factor).to(like))
    return Sweep(found, (curvature.slopes / factor).to(like), parts)


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
        for operand in [*call.results, *operands((call.args, call.kwargs))]:
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


def _starting(groups: Groups, u: Mapping[str, Tensor]) -> dict[str, Jet]:
    """The parameters' jets: u on a group's own elements, nothing else."""
    members: dict[str, list[int]] = {name: [] for name in u}
    for rank, names in enumerate(groups.members):
        for name in names:
            members[name].append(rank)
    jets = {}
    for name, value in u.items():
        owner, ranks = groups.owners[name], tuple(members[name])
        if owner.dim() == 0:
            values = value[None]
        else:
            values = torch.stack([value.where(owner == rank, 0) for rank in ranks])
        jets[name] = Jet(ranks, (), values)
    return jets


def _mark_spent(calls: list[Call], result: Operand) -> None:
    """Find after which call each operand is needed no more."""
    last: dict[int, tuple[Call, Operand]] = {}
    for call in calls:
        for operand in [*call.results, *operands((call.args, call.kwargs))]:
            last[id(operand)] = (call, operand)
    for call, operand in last.values():
        if operand is not result:
            call.spent.append(operand)


def _replay(call: Call, curvature: Curvature) -> None:
    """Make the jets of a call's results, add its curvature, let go of what is spent."""
    if call.name in CURVED:
        curvature.begin((call.place, call.name))
    try:
        jets = RULES[call.name](call, curvature)
    except NoRuleError as error:
        raise NoRuleError(f"{call.name} {error}") from error
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise NoRuleError(f"{call.name} with unusual arguments") from error
    for operand, jet in zip(call.results, jets if isinstance(jets, list) else [jets], strict=True):
        if jet.values.shape[1:] != operand.value.shape or jet.values.dtype != operand.value.dtype:
            raise NoRuleError(f"{call.name} with a result of an unusual shape or dtype")
        operand.carried = jet
    for operand in call.spent:
        operand.carried = None
    call.delta = None
