"""What a step does to named parameters: it reads their gradients, and it moves them.

Legend: S groups, U = Diag(u), I the partition's matrix, x sizes of a step, [S].
"""

import math
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gnlab.directions import Direction, Tensors
from gnlab.errors import InputError
from gnlab.guards.exclusive import alone
from gnlab.guards.memory import repeats
from gnlab.partitions import Partition
from gnlab.partitions.partition import check_usable

Named = Mapping[str, nn.Parameter]


def are_finite(named: Named) -> bool:
    """Whether every entry of the gradients in ``.grad`` is a finite number.

    Args:
        named: The parameters; some may have no gradient.

    Returns:
        Whether it is.
    """
    given = [p.grad for p in named.values() if p.grad is not None]
    grads = [g for g in given if g.numel() and g.layout is torch.strided]
    if not grads:
        return True
    # The largest sizes: no sum overflows. Several devices are asked one by one.
    largest = [size.to("cpu", torch.float64) for size in torch._foreach_norm(grads, math.inf)]
    return bool(torch.stack(largest).isfinite().all())


def check_fit(named: Named, partition: Partition) -> None:
    """Raise unless the parameters and their gradients are what can be moved group by group.

    Args:
        named: The parameters.
        partition: The groups.

    Raises:
        InputError: Naming the first whose values a person has replaced by others that are not.
    """
    for name, p in named.items():
        wanted, now = partition.shapes.get(name, p.shape), p.shape
        if now != wanted:
            raise InputError(
                f"parameter {name!r} is {list(now)} now and was {list(wanted)} when the partition "
                "was made; put it back, or go on with it by change(partition='tensor')."
            )
        if repeats(p):
            check_usable({name: p})
        if p.grad is not None and (p.grad.shape != now or p.grad.device != p.device):
            raise InputError(
                f"the gradient of {name!r} is {list(p.grad.shape)} on {p.grad.device}, the "
                f"parameter {list(now)} on {p.device}; call zero_grad() and backward() again."
            )


def proposed(
    rule: Direction,
    model: nn.Module,
    named: Named,
    state: MutableMapping[Any, Any],
    *,
    remember: bool = True,
) -> Tensors:
    """The direction of the gradients in ``.grad``, whose memory is kept parameter by parameter.

    Args:
        rule: How gradients become a direction.
        model: The model.
        named: The parameters; one without a gradient does not move, and keeps its memory.
        state: A torch optimizer's state; it takes the rule's new memory, and nothing else stays:
            what another rule left behind would be stale if it were ever taken up again.
        remember: Whether the rule's memory takes these gradients in.

    Returns:
        u, by parameter name.

    Raises:
        InputError: If no parameter has a gradient, or one has a sparse one; if the model has
            other parameters by now, that is said.
    """
    given = {n: p.grad for n, p in named.items() if p.grad is not None}
    sparse = next((n for n, g in given.items() if g.layout is not torch.strided), None)
    if sparse is not None:
        raise InputError(
            f"the gradient of {sparse!r} is sparse, of which no direction is made; build its "
            "module without sparse=True."
        )
    if not given:
        check_trainable(model, named)  # a backward pass gave the gradients to others
        raise InputError("no parameter has a gradient; call loss.backward() before the step.")
    u, memory = direction_of(rule, named, given, state)
    if remember:
        kept = {key for own in memory.values() for key in own}
        for name, p in named.items():
            if name in memory:
                state[p] = memory[name]
            elif state[p].keys() != kept:
                state[p] = {}
    return u


def direction_of(
    rule: Direction, named: Named, given: Mapping[str, Tensor], state: Mapping[Any, Any]
) -> tuple[Tensors, dict[str, dict[str, Tensor]]]:
    """The direction of gradients, and what the rule would remember of them.

    Args:
        rule: How gradients become a direction.
        named: The parameters.
        given: Their gradients, by name; a parameter without one does not move.
        state: A torch optimizer's state, with the rule's memory; it is left as it is.

    Returns:
        u, by parameter name, and the new memory of each parameter that has a gradient.
    """
    u = {name: torch.zeros_like(p) for name, p in named.items()}
    kept: dict[str, dict[str, Tensor]] = {}
    # A gradient that was missing before comes without memory, so it starts one by itself.
    alike: dict[frozenset[str], dict[str, Tensor]] = {}
    for name, g in given.items():
        alike.setdefault(frozenset(state.get(named[name], ())), {})[name] = g
    for keys, grads in alike.items():
        memory = {key: {n: _like(state[named[n]][key], grads[n]) for n in grads} for key in keys}
        found, memory = rule.update(grads, memory)
        u |= found
        for name in grads:
            kept[name] = {key: values[name] for key, values in memory.items()}
    return u, kept


def _like(kept: Tensor, grad: Tensor) -> Tensor:
    """An average in the dtype and on the device that the gradients have now; a count as it is."""
    return kept.to(grad) if kept.is_floating_point() else kept


def forget(state: MutableMapping[Any, Any], kept: Iterable[Tensor]) -> None:
    """Drop the memory of parameters that are gone, and of those that have another shape by now.

    Args:
        state: A torch optimizer's state.
        kept: The parameters that stay.
    """
    fitting = {
        p
        for p in set(kept) & state.keys()
        if all(m.shape == p.shape for m in state[p].values() if m.is_floating_point())
    }
    for p in state.keys() - fitting:
        del state[p]


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are to move, by name.

    Args:
        model: The model.

    Returns:
        Those that are not frozen.
    """
    with alone(model):  # a summary of another thread has other tensors in their places
        return {n: p for n, p in model.named_parameters() if p.requires_grad}


def check_trainable(model: nn.Module, named: Named, movable: Named | None = None) -> None:
    """Raise if the trainable parameters are others than those that the optimizer took.

    Args:
        model: The model.
        named: What the optimizer moves.
        movable: What it would move now; None: the trainable parameters.

    Raises:
        InputError: Naming the first of them, and the way on.
    """
    now = trainable(model) if movable is None else movable
    for name in [*named, *now]:
        if named.get(name) is not now.get(name):
            raise InputError(
                f"parameter {name!r} was {_became(model, name, named, now)} after the "
                "optimizer was made; change the partition, as by change(partition='tensor'), to go "
                "on with the parameters that are trainable now."
            )


def _became(model: nn.Module, name: str, named: Named, now: Named) -> str:
    """What happened to a parameter since the optimizer took the model's."""
    if name in now:
        return "replaced by another" if name in named else "unfrozen or added"
    frozen = any(n == name for n, _ in model.named_parameters())
    return "frozen" if frozen else "taken out or tied to another"


@torch.no_grad()
def move(named: Named, u: Tensors, partition: Partition, sizes: Tensor) -> None:
    """θ ← θ − U I x; a group whose size is 0 stays, whatever its direction is.

    Args:
        named: θ, moved in place.
        u: The direction, by name.
        partition: The groups.
        sizes: x, float64 on the CPU, [S].
    """
    still = bool((sizes == 0).any())
    for name, owner in partition.groups.items():
        p = named[name]
        if owner.dim():
            size = sizes.to(p)[owner.to(p.device)]
            shift = u[name] * size
            p.sub_(shift.masked_fill_(size == 0, 0) if still else shift)
        elif sizes[owner] != 0:  # one group for the whole tensor, and one operation on it
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
