"""What a step does to named parameters: it reads their gradients, and it moves them.

Legend: S groups, U = Diag(u), I the partition's matrix, x sizes of a step, [S].
"""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gnlab.directions import Direction, Tensors
from gnlab.errors import InputError
from gnlab.partitions import Partition

Named = Mapping[str, nn.Parameter]


def proposed(rule: Direction, named: Named, state: MutableMapping[Any, Any]) -> Tensors:
    """The direction of the gradients in ``.grad``, whose memory is kept parameter by parameter.

    Args:
        rule: How gradients become a direction.
        named: The parameters; one without a gradient counts as having a zero one.
        state: A torch optimizer's state; it takes the rule's new memory, and nothing else stays:
            what another rule left behind would be stale if it were ever taken up again.

    Returns:
        u, by parameter name.

    Raises:
        InputError: If no parameter has a gradient.
    """
    if all(p.grad is None for p in named.values()):
        raise InputError("no parameter has a gradient; call loss.backward() before the step.")
    grads = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in named.items()}
    keys = {key for p in named.values() for key in state[p]}
    memory = {key: {n: state[p][key] for n, p in named.items() if key in state[p]} for key in keys}
    u, memory = rule.update(grads, memory)
    for name, p in named.items():
        state[p] = {key: values[name] for key, values in memory.items()}
    return u


@torch.no_grad()
def move(named: Named, u: Tensors, partition: Partition, sizes: Tensor) -> None:
    """θ ← θ − U I x.

    Args:
        named: θ, moved in place.
        u: The direction, by name.
        partition: The groups.
        sizes: x, float64 on the CPU, [S].
    """
    for name, owner in partition.groups.items():
        p = named[name]
        if owner.dim():
            p.sub_(u[name] * sizes[owner].to(p))
        else:  # one group for the whole tensor, and one operation on it
            # In its own dtype, where a size beyond the range is infinite and no error.
            p.sub_(u[name], alpha=float(sizes[owner].to(p.dtype)))


@contextmanager
def moved(named: Named, u: Tensors, partition: Partition, sizes: Tensor) -> Iterator[None]:
    """A context in which the parameters are where ``move`` would put them; exactly back after it.

    Args:
        named: θ.
        u: The direction, by name.
        partition: The groups.
        sizes: x, float64 on the CPU, [S].

    Yields:
        Nothing.
    """
    start = {name: p.detach().clone() for name, p in named.items()}
    try:
        move(named, u, partition, sizes)
        yield
    finally:
        with torch.no_grad():
            for name, p in named.items():
                p.copy_(start[name])
