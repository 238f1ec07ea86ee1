"""The floor: the multiply-accumulates that a fast summary cannot do without, in gradients.

A group pays, for its first and its second tangent, the forward work of the layers after the one
that it starts in; in the first of them, if it owns some of the units before, their share alone.
Beside these there is the forward pass, the gradients of all layers' inputs but
the first's, and at each layer one product of its inputs with the direction. One gradient, the
unit, is the forward pass, the gradients of the inputs and those of the weights.

Legend: S groups.
"""

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from benchmarks.summaries.cases import Network
from gnlab import Partition
from gnlab.partitions.executed import executed


@dataclass(frozen=True, slots=True)
class Work:
    """Multiply-accumulates, all of one batch.

    Attributes:
        gradient: Those of one gradient.
        summary: The least of one fast summary.
    """

    gradient: int
    summary: int

    @property
    def floor(self) -> float:
        """The least time of a summary, in gradients, if arithmetic were all."""
        return self.summary / self.gradient


def work(model: nn.Module, inputs: Tensor, partition: Partition) -> Work:
    """Count the work of a gradient and of a fast summary of a chain of layers.

    Counted are linear layers and convolutions, in the order in which they are executed; on the
    meta device nothing is computed. What it leaves out: products that no layer makes (attention),
    everything elementwise, normalisation, what each pair of groups adds to H̄, and the products of
    a group's tangents with its own direction in the later layers that it owns. Every layer executed
    later counts as one after: of two branches side by side, the first is charged for the second
    too, which is more than it owes.

    Args:
        model: The network.
        inputs: A batch.
        partition: Its groups.

    Returns:
        The work.

    Raises:
        ValueError: If a parameter's module is never called, so that nobody knows where it starts.
    """
    calls = [(layer.name, layer.work) for layer in executed(model, inputs)]
    forward = sum(macs for _, macs in calls)
    first = next(macs for _, macs in calls if macs)
    back = forward - first
    starts = _starts([name for name, _ in calls], partition)
    tangents = 0
    for start in starts:
        after = [macs for _, macs in calls[start.call + 1 :] if macs]
        tangents += 2 * (round(start.share * after[0]) + sum(after[1:])) if after else 0
    weights = products = forward
    return Work(forward + back + weights, forward + back + products + tangents)


def floor_of(network: Network) -> float:
    """The least time of a fast summary of a network, in gradients."""
    model = network.build("meta")
    # A batch norm in train mode refuses a single sample.
    inputs = torch.zeros((2, *network.inputs), device="meta")
    return work(model, inputs, network.split(model)).floor


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a group starts.

    Attributes:
        call: The number of the call.
        share: How much of that layer's units it owns a part of.
    """

    call: int
    share: Fraction


def _starts(order: list[str], partition: Partition) -> list[_Start]:
    """Where each group starts."""
    calls: dict[int, int] = {}
    owned: dict[int, set[int]] = {}
    counts: dict[int, int] = {}
    for name, owner in partition.groups.items():
        module = name.rpartition(".")[0]
        if module not in order:
            raise ValueError(f"{name!r} belongs to a module that is never called.")
        call, count = order.index(module), partition.shapes[name][0]
        for group in owner.unique().tolist():
            if call < calls.get(group, len(order)):
                calls[group], owned[group], counts[group] = call, set(), count
            if call == calls[group]:
                owned[group].update(_units(owner, group, count))
    return [_Start(call, Fraction(len(owned[g]), counts[g])) for g, call in calls.items()]


def _units(owner: Tensor, group: int, count: int) -> list[int]:
    """The units of a tensor that a group owns a part of."""
    whose = (owner == group).expand(count, *owner.shape[1:]).reshape(count, -1)
    return whose.any(1).nonzero()[:, 0].tolist()
